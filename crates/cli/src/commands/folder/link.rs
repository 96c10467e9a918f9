//! Links a hospital's card with the code of its front desk.

use crate::error::CliError;
use crate::output::Output;
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
    let card = folder.wait_for_desk(&pending).await?;
    let hospital = folder.member_name(&card.member);
    let line = json!({ "card": card.number, "member": hospital });
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
