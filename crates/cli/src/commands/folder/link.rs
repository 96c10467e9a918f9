//! Links a hospital's card with the code of its front desk.

use crate::args::Lang;
use crate::error::CliError;
use crate::output::Output;
use crate::time::{local_day, rfc3339};
use medfolder_client::clock::Clock;
use medfolder_folder::Folder;
use serde_json::json;

/// `medfolder folder link LINK | CODE --member NAME`
pub(crate) async fn run(
    folder: &Folder<'_>,
    code: &str,
    member: Option<&str>,
    clock: &Clock,
    output: Output,
) -> Result<(), CliError> {
    let invitation = folder.read_invitation(code, member)?;
    let pending = folder.claim_card(&invitation, clock).await?;
    let number = pending.number().to_string();
    output.progress(output.say(
        "已向医院申请绑定，等前台确认 …（按 Ctrl-C 停止等待，之后 folder sync 会接着办）",
        "The hospital was asked; waiting for its front desk … (Ctrl-C stops waiting; then \
         `folder sync` goes on)",
    ));
    let told = output.say(
        "请让前台核对卡号的最后八位：",
        "Let the front desk compare the last eight characters of the card number: ",
    );
    output.progress(&format!("{told}{}", card_end(&number)));
    let mut replaced = None;
    let warn = |since: u64| {
        replaced = Some(since);
        output.progress(&replaces(since, output));
    };
    let card = folder.wait_for_desk(&pending, clock, warn).await?;
    let hospital = folder.member_name(&card.member);
    let line = json!({
        "card": card.number, "member": hospital, "replaced": replaced.is_some(),
        "replaced_since": replaced.filter(|since| *since > 0).map(rfc3339),
    });
    output.line(&line, || {
        let next = output.say(
            "接着运行 medfolder folder sync 取回病历。",
            "Now fetch the records: medfolder folder sync",
        );
        let linked = output.say("已绑定：", "Linked: ");
        let card = output.say("健康卡号", "card");
        format!("{linked}{hospital}  {card} {number}\n{next}")
    });
    Ok(())
}

/// Said before the desk confirms: what becomes of the card that the patient has there.
fn replaces(since: u64, output: Output) -> String {
    let day = match since {
        0 => output.say("以前", "earlier").to_owned(),
        since => local_day(since),
    };
    match output.lang {
        Lang::Zh => format!(
            "⚠ 注意：这个病案号{day}已绑定过一张健康卡（在另一台设备或另一个病历夹里）。\n  \
             前台一确认，新的病历就只到这张新卡，那张旧卡收不到；旧卡已有的病历仍在旧病历夹里，不会转过来。\n  \
             不想换，请现在告诉前台不要确认。要在两台设备上看同一份病历夹，请用 24 个词恢复（folder restore）。"
        ),
        Lang::En => format!(
            "⚠ This hospital number already has a card, linked on {day}, on another device or in another folder.\n  \
             Once the desk confirms, new records go to this new card only; the earlier card will receive none. \
             What it has stays in its own folder and does not come over.\n  \
             If you do not want that, ask the desk now not to confirm. To read one folder on two devices, \
             restore it from its 24 words (`folder restore`)."
        ),
    }
}

/// What the desk compares.
pub(crate) fn card_end(number: &str) -> &str {
    number
        .len()
        .checked_sub(8)
        .and_then(|start| number.get(start..))
        .unwrap_or(number)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_desk_compares_the_last_eight_characters() {
        assert_eq!(
            super::card_end("1BoatSLRHtKNngkdXEeobR76b53LETtpyT"),
            "3LETtpyT"
        );
    }
}
