//! The folder's cards: which hospital knows it by which card, and whether it still does.

use super::link::card_end;
use crate::error::CliError;
use crate::output::{Output, padded, widest};
use crate::time::{local_day, rfc3339};
use medfolder_folder::{Folder, LinkedCard};
use serde_json::{Value, json};

/// `medfolder folder cards`: as of the last sync.
pub(crate) fn run(folder: &Folder<'_>, output: Output) -> Result<(), CliError> {
    let cards = folder.linked_cards()?;
    if cards.is_empty() {
        output.nothing(
            "还没有绑定医院。请用 folder link 绑定健康卡。",
            "No hospital is linked yet: link a card with `folder link`.",
        );
    }
    let names: Vec<String> = cards
        .iter()
        .map(|one| folder.member_name(&one.card.member))
        .collect();
    let column = widest(names.iter().map(String::as_str));
    for (one, name) in cards.iter().zip(&names) {
        output.line(&line(one, name), || row(one, &padded(name, column), output));
    }
    Ok(())
}

/// `replaced` before all else: nothing else says that new records go elsewhere.
fn state(one: &LinkedCard) -> &str {
    match one.replaced {
        Some(_) => "replaced",
        None => &one.state,
    }
}

fn line(one: &LinkedCard, hospital: &str) -> Value {
    json!({
        "hospital": hospital, "card": one.card.number, "state": state(one),
        "linked": one.linked.map(rfc3339), "replaced": one.replaced.map(rfc3339),
    })
}

/// The end of the number, as the desk compares it.
fn masked(one: &LinkedCard) -> String {
    format!("…{}", card_end(&one.card.number.to_string()))
}

fn row(one: &LinkedCard, hospital: &str, output: Output) -> String {
    let told = match state(one) {
        "pending" => output.say("等前台确认", "waits for the front desk"),
        "registered" => output.say("使用中", "in use"),
        "frozen" => output.say("已冻结", "frozen"),
        "rotated" => output.say("已移交给新卡", "handed over to another card"),
        "closed" => output.say("已关闭", "closed"),
        _ => output.say(
            "已被另一张卡取代，之后的病历不会到这里",
            "replaced by another card: later records do not come here",
        ),
    };
    let linked = one.linked.map_or_else(String::new, |time| {
        format!("  {}{}", local_day(time), output.say(" 绑定", " linked"))
    });
    let since = one.replaced.map_or_else(String::new, |time| {
        format!("{} {}", output.say("，自", ", since"), local_day(time))
    });
    format!("{hospital}  {}{linked}  {told}{since}", masked(one))
}
