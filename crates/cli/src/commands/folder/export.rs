//! Everything in one ZIP file that any browser reads.

use crate::args::Lang;
use crate::error::CliError;
use crate::output::Output;
use medfolder_client::clock::Clock;
use medfolder_folder::Folder;
use medfolder_folder::records::{Exported, Language};
use serde_json::json;
use std::io::IsTerminal as _;
use std::path::Path;

/// Records after which somebody who waits is told how far it is.
const TOLD_EVERY: usize = 50;

/// `medfolder folder export --out FILE`
pub(crate) async fn run(
    folder: &Folder<'_>,
    out: &Path,
    clock: &Clock,
    output: Output,
) -> Result<(), CliError> {
    let language = match output.lang {
        Lang::Zh => Language::Chinese,
        Lang::En => Language::English,
    };
    // For who looks on: a file of what was said needs no counting.
    let is_seen = std::io::stderr().is_terminal();
    let progress = |done: usize, all: usize| {
        if is_seen && done.is_multiple_of(TOLD_EVERY) && done < all {
            output.progress(&format!("{done} / {all}"));
        }
    };
    let exported = folder.export(out, language, clock, &progress).await?;
    let line = json!({
        "out": out, "records": exported.records, "superseded": exported.superseded,
        "attachments": exported.attachments, "left_out": exported.left_out,
        "without_evidence": exported.without_evidence,
    });
    output.line(&line, || told(&exported, out, output));
    Ok(())
}

fn told(exported: &Exported, out: &Path, output: Output) -> String {
    let Exported {
        records,
        superseded,
        attachments,
        left_out,
        without_evidence,
    } = exported;
    let out = out.display();
    let mut lines = vec![match output.lang {
        Lang::Zh => format!("已导出 {records} 份病历、{attachments} 个附件到 {out}"),
        Lang::En => format!("Exported to {out}: {records} records, {attachments} attachments"),
    }];
    lines.push(
        output
            .say(
                "解压后用浏览器打开 index.html 就能看。文件没有加密，请妥善保管。",
                "Unpack it and open index.html in a browser. It is not encrypted: keep it safe.",
            )
            .to_owned(),
    );
    if *superseded > 0 {
        lines.push(match output.lang {
            Lang::Zh => format!("其中 {superseded} 份是医院已更正或撤回的旧版，folder list 不列出，文件夹名上已注明。"),
            Lang::En => format!("{superseded} of them are earlier versions that the hospital corrected or withdrew: `folder list` leaves them out; their folders say so."),
        });
    }
    if *left_out > 0 {
        lines.push(match output.lang {
            Lang::Zh => {
                format!("{left_out} 份还没有取到或没有通过检查，没有导出，index.html 里有说明。")
            }
            Lang::En => {
                format!("{left_out} records are not here or failed a check; index.html names them.")
            }
        });
    }
    if let Some(code) = without_evidence {
        let told = output.say(
            "账本没有应答，导出里没有取证包；联网后可再导出一次",
            "The ledger did not answer, so that the records have no evidence with them; export again once it does",
        );
        lines.push(format!("{told} [{code}]"));
    }
    lines.join("\n")
}
