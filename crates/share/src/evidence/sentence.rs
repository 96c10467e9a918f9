//! The plain words for each check, in both languages.

use super::report::{EvidenceCheck, Outcome, Report, SealState, Standing, Trust};

/// There are signatures of the hospital's own system, and they hold.
pub(super) const CARRIED_HOLD: (&str, &str) = (
    "医院系统自带的签名有效",
    "the signatures of the hospital's own system are genuine",
);

/// A check's sentence in Chinese and English.
pub(super) const fn of(check: EvidenceCheck, outcome: Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Holds => holds(check),
        Outcome::Fails => fails(check),
        Outcome::NotChecked => not_checked(check),
    }
}

const fn holds(check: EvidenceCheck) -> (&'static str, &'static str) {
    match check {
        EvidenceCheck::Genesis => ("证据属于所指的账本", "the evidence is of the ledger named"),
        EvidenceCheck::Checkpoint => (
            "账本的检查点已获认证",
            "the ledger's checkpoints are certified",
        ),
        EvidenceCheck::Inclusion => ("签章已记入账本", "the seal stands in the ledger"),
        EvidenceCheck::Member => (
            "医院的账本条目有效",
            "the hospital's entry on the ledger is genuine",
        ),
        EvidenceCheck::Seal => ("医院的签章有效", "the hospital's seal is genuine"),
        EvidenceCheck::Leaf => ("签章包含这份病历", "the seal covers this record"),
        EvidenceCheck::Statement => (
            "病历的说明与签署的一致",
            "the record's statement is the one that was signed",
        ),
        EvidenceCheck::Content => ("内容与签署的一致", "the content is what was signed"),
        EvidenceCheck::Author => ("所署作者签了名", "the author named signed it"),
        EvidenceCheck::Signature => ("医生的签名有效", "the doctors' signatures are genuine"),
        EvidenceCheck::Carried => (
            "没有医院系统自带的签名",
            "there are no signatures of the hospital's own system",
        ),
        EvidenceCheck::Status => (
            "病历的现状已由账本证明",
            "the ledger proves where the record stands",
        ),
    }
}

const fn fails(check: EvidenceCheck) -> (&'static str, &'static str) {
    match check {
        EvidenceCheck::Genesis => ("证据属于另一个账本", "the evidence is of another ledger"),
        EvidenceCheck::Checkpoint => (
            "账本的检查点未获认证",
            "a checkpoint of the ledger is not certified",
        ),
        EvidenceCheck::Inclusion => ("签章不在账本中", "the seal is not in the ledger"),
        EvidenceCheck::Member => (
            "医院的账本条目无法证实",
            "the hospital's entry on the ledger is not proven",
        ),
        EvidenceCheck::Seal => ("医院的签章无效", "the hospital's seal is not genuine"),
        EvidenceCheck::Leaf => (
            "医院的签章与这份病历不符",
            "the hospital's seal does not match this record",
        ),
        EvidenceCheck::Statement => (
            "病历的说明被改动过",
            "the record's statement is not the one that was signed",
        ),
        EvidenceCheck::Content => ("内容与签署的不一致", "the content is not what was signed"),
        EvidenceCheck::Author => ("所署作者没有签名", "the author named did not sign it"),
        EvidenceCheck::Signature => (
            "医生的签名与这份病历不符",
            "a doctor's signature does not match this record",
        ),
        EvidenceCheck::Carried => (
            "医院系统自带的签名无效",
            "a signature of the hospital's own system does not hold",
        ),
        EvidenceCheck::Status => (
            "病历的现状无法证实",
            "where the record stands is not proven",
        ),
    }
}

const fn not_checked(check: EvidenceCheck) -> (&'static str, &'static str) {
    match check {
        EvidenceCheck::Genesis => (
            "没有账本的创世文件，无法核对",
            "the ledger's genesis is not at hand, so nothing can be checked",
        ),
        EvidenceCheck::Content => (
            "正文不在手边，未核对",
            "the record's text is not at hand and was not compared",
        ),
        EvidenceCheck::Carried => (
            "医院系统签署的文件不在手边，其签名仅在签章时由医院核对过",
            "the file that the hospital's own system signed is not at hand; its signature was checked by the hospital when it sealed, not here",
        ),
        _ => ("未核对", "not checked"),
    }
}

/// What was proven and what not.
pub(super) fn summary(report: &Report) -> (String, String) {
    if report.seal == SealState::Failed {
        let reason = report
            .failed()
            .map_or(not_checked(EvidenceCheck::Genesis), |f| (f.zh, f.en));
        return (
            format!("没有证明任何内容：{}。", reason.0),
            format!("Nothing is proven: {}.", reason.1),
        );
    }
    let hospital = report.hospital.as_deref().unwrap_or("?");
    let (what_zh, what_en) = match report.seal {
        SealState::VerifiedInPart => ("所示部分", "the parts shown"),
        SealState::SealOnly => (
            "说明（正文未核对）",
            "the statement (the text was not compared)",
        ),
        SealState::Verified | SealState::Failed => ("全文", "the whole text"),
    };
    let (stands_zh, stands_en) = standing(report.standing);
    let (ledger_zh, (ledger_en, sealed_en)) = match report.trust {
        Some(Trust::Known) => ("", ("", "Sealed")),
        _ => (
            "只有文件自带的账本可信，下面才成立：",
            (
                "Only if the ledger that the file brings is one to trust: ",
                "sealed",
            ),
        ),
    };
    let (original_zh, original_en) = original(report);
    (
        format!(
            "{ledger_zh}{what_zh}由{hospital}签章，未被改动；{stands_zh}。{original_zh}内容在医学上是否正确，不在证明之列。"
        ),
        format!(
            "{ledger_en}{sealed_en} by {hospital} and unchanged: {what_en}; {stands_en}.{original_en} Whether it is medically right is not proven."
        ),
    )
}

/// Who signed the hospital's own file. That signature proves its file only.
fn original(report: &Report) -> (String, String) {
    let names: Vec<&str> = report
        .carried
        .iter()
        .map(|one| one.signer.as_str())
        .collect();
    if names.is_empty() {
        return Default::default();
    }
    (
        format!("医院系统的原件由 {} 签名。", names.join("、")),
        format!(
            " The original of the hospital's system was signed by {}.",
            names.join(", ")
        ),
    )
}

const fn standing(standing: Option<Standing>) -> (&'static str, &'static str) {
    match standing {
        Some(Standing::InForce) => ("截至检查点仍然有效", "it was in force as of the checkpoint"),
        Some(Standing::Replaced { .. }) => ("已有更正的版本", "a corrected version exists"),
        Some(Standing::Withdrawn) => ("已被医院撤回", "the hospital withdrew it"),
        None => ("现状未知", "where it stands is not known"),
    }
}
