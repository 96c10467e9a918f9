//! Role × action, in one place. Contracts and every API call ask [`allowed`]; people read the same
//! rule through [`explain`].
//!
//! A cell says who may do it and whether a suspended member still may: what protects patients
//! (reports, freezes, ending keys and shares) goes on, nothing new is made in its name.

use core::fmt;
use core::str::FromStr;
use serde::Serialize;

use crate::member::{MemberRole, Standing};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Party {
    /// A member, by one of its keys.
    Member(MemberRole),
    /// An enrolled doctor or other staff, by its key.
    Staff,
    /// A patient, by a card's key.
    Card,
    /// A patient, by a grant's key.
    Grant,
    /// A patient, by a folder's key.
    Folder,
    /// Anybody, without a key.
    Anyone,
}

impl Party {
    /// Every party, in the order of the table's columns.
    pub const ALL: [Self; 10] = [
        Self::Member(MemberRole::Hospital),
        Self::Member(MemberRole::Insurer),
        Self::Member(MemberRole::Research),
        Self::Member(MemberRole::Regulator),
        Self::Member(MemberRole::Observer),
        Self::Staff,
        Self::Card,
        Self::Grant,
        Self::Folder,
        Self::Anyone,
    ];

    const fn column(self) -> u16 {
        match self {
            Self::Member(MemberRole::Hospital) => 1,
            Self::Member(MemberRole::Insurer) => 1 << 1,
            Self::Member(MemberRole::Research) => 1 << 2,
            Self::Member(MemberRole::Regulator) => 1 << 3,
            Self::Member(MemberRole::Observer) => 1 << 4,
            Self::Staff => 1 << 5,
            Self::Card => 1 << 6,
            Self::Grant => 1 << 7,
            Self::Folder => 1 << 8,
            Self::Anyone => 1 << 9,
        }
    }

    /// The party's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member(role) => role.as_str(),
            Self::Staff => "staff",
            Self::Card => "card",
            Self::Grant => "grant",
            Self::Folder => "folder",
            Self::Anyone => "anyone",
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is in no row or column of the policy table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such party or action; `medfolder policy explain` lists them")]
pub struct UnknownName;

impl UnknownName {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        "policy.unknown_name"
    }
}

impl FromStr for Party {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|party| party.as_str() == text)
            .ok_or(UnknownName)
    }
}

const HOSPITAL: u16 = 1;
const MEMBERS: u16 = 0b1_1111;
const STAFF: u16 = 1 << 5;
const CARD: u16 = 1 << 6;
const GRANT: u16 = 1 << 7;
const FOLDER: u16 = 1 << 8;
const ALL: u16 = 0b11_1111_1111;

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    action: Action,
    columns: u16,
    suspended: bool,
    /// The condition that goes with it, in English.
    pub en: &'static str,
    /// The condition that goes with it, in Chinese.
    pub zh: &'static str,
}

impl Rule {
    /// The action.
    #[must_use]
    pub const fn action(&self) -> Action {
        self.action
    }

    /// Whether this party may, members being in good standing.
    #[must_use]
    pub const fn admits(&self, party: Party) -> bool {
        self.columns & party.column() != 0
    }

    /// Whether a suspended member still may.
    #[must_use]
    pub const fn while_suspended(&self) -> bool {
        self.suspended
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $columns:expr, $suspended:literal, $en:literal, $zh:literal;)*) => {
        /// What somebody wants to do: a transaction or a call of a node's API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action { $(#[doc = $en] $(#[$doc])* $name,)* }

        impl Action {
            /// Every action, in the order of the table's rows.
            pub const ALL: &'static [Action] = &[$(Action::$name),*];

            /// The action's name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Action::$name => $text,)* }
            }

            /// Its row.
            #[must_use]
            pub const fn rule(self) -> Rule {
                match self { $(Action::$name => Rule {
                    action: self, columns: $columns, suspended: $suspended, en: $en, zh: $zh,
                },)* }
            }
        }
    };
}

actions! {
    RotateKey = "alliance.rotate_key", MEMBERS, true, "A member replaces its own key, signed with its alliance key and the new one.", "成员用联盟密钥和新密钥签名，更换自己的密钥。";
    StorageArea = "alliance.storage_area", HOSPITAL, true, "A hospital sets or moves its storage area.", "医院设置或迁移自己的存储区。";
    StaffEnrol = "staff.enrol", HOSPITAL, false, "A hospital enrols its own staff with its seal key.", "医院用签章密钥登记本院人员。";
    StaffRotate = "staff.rotate", HOSPITAL, false, "A hospital replaces a key of its own staff.", "医院更换本院人员的密钥。";
    StaffRevoke = "staff.revoke", HOSPITAL, true, "A hospital ends a key of its own staff.", "医院停用本院人员的密钥。";
    FolderRegister = "folder.register", HOSPITAL | FOLDER, false, "The folder's key and the host key of the hospital that keeps its state log sign together.", "病历夹密钥与保存其状态日志的医院共同签名。";
    FolderHead = "folder.head", FOLDER, true, "The folder's key anchors a newer head, at most daily.", "病历夹密钥锚定更新的头，每天至多一次。";
    CardRegister = "card.register", HOSPITAL | CARD, false, "Card key and seal key sign together, after the front desk compared the card number.", "前台核对卡号后，卡密钥与医院签章密钥共同签名。";
    CardFreeze = "card.freeze", HOSPITAL | CARD, true, "The card's key, or the desk of its hospital.", "卡密钥，或发卡医院前台。";
    CardLift = "card.lift", HOSPITAL, true, "The desk of the card's hospital.", "发卡医院前台。";
    CardRotate = "card.rotate", HOSPITAL | CARD, true, "The successor's key: named by the freeze and 72 hours later, or together with the desk at any time.", "接任卡的密钥：由冻结指定并满72小时，或随时与前台共同签名。";
    CardClose = "card.close", HOSPITAL | CARD, true, "The card's key, or the desk; a frozen card only the desk.", "卡密钥或前台；冻结的卡只能由前台关闭。";
    Seal = "record.seal", HOSPITAL, false, "A hospital in good standing seals for a card registered with it.", "资格有效的医院为在本院登记的卡签章。";
    Withdraw = "record.withdraw", HOSPITAL, true, "The hospital that sealed a record withdraws it.", "签章的医院撤回病历。";
    ZoneReport = "record.zone_report", HOSPITAL | CARD, true, "The edge of the hospital that stores it, or the patient's card.", "存放密文的医院前置机，或患者的卡。";
    Grant = "grant.grant", HOSPITAL | GRANT, false, "The grant's key and the host key of a hospital sign together, after a card login.", "卡登录后，授权密钥与承载医院的主机密钥共同签名。";
    Extend = "grant.extend", HOSPITAL | GRANT, false, "The grant's key and its host's key sign together.", "授权密钥与其承载医院共同签名。";
    Shorten = "grant.shorten", GRANT, true, "The grant's key alone; every node takes it.", "仅需授权密钥，任何节点都受理。";
    Revoke = "grant.revoke", GRANT, true, "The grant's key alone; every node takes it.", "仅需授权密钥，任何节点都受理。";
    Access = "access.batch", HOSPITAL, true, "A share's host, or the origin of a large attachment, reports accesses.", "分享的承载医院或大附件的来源医院上报调阅。";
    Anchor = "evidence.anchor", MEMBERS, false, "Any member in good standing anchors any digest.", "任何资格有效的成员锚定任意摘要。";

    ReadTransaction = "read.transaction", ALL, true, "Status, position and proof of a transaction whose id one knows.", "凭编号查询交易的状态、位置和证明。";
    ReadCard = "read.card", MEMBERS | CARD, true, "A card's list: members, and the card itself with a token of its own key.", "卡的条目：成员，以及持该卡令牌者。";
    ReadGrant = "read.grant", MEMBERS | GRANT, true, "A grant's list: members, and the grant itself with a token of its own key.", "授权的条目：成员，以及持该授权令牌者。";
    ReadFolder = "read.folder", MEMBERS | FOLDER, true, "A folder's entry: members, and the folder itself with a token of its own key.", "病历夹条目：成员，以及持该病历夹令牌者。";
    ReadRecord = "read.record", ALL, true, "Anybody who knows a record's id: whether it is in force; who knows a seal's number: where it stands; with proof.", "知道病历编号者可查其是否有效，知道签章编号者可查其位置，附证明。";
    ReadReceipt = "read.receipt", ALL, true, "Anybody who holds a receipt: whether it was reported, with proof.", "持回执者均可查询是否已上报，附证明。";
    ReadCheckpoint = "read.checkpoint", ALL, true, "Checkpoints and consistency proofs are public.", "检查点与一致性证明公开。";
    ReadMembers = "read.members", ALL, true, "Members and their keys are public.", "成员及其密钥公开。";
    ReadStaff = "read.staff", ALL, true, "Anybody who knows a staff key's id.", "知道人员密钥编号者均可查询。";
    ReadPolicy = "read.policy", ALL, true, "The policy is public.", "策略公开。";
    ReadStats = "read.stats", MEMBERS | STAFF, true, "Statistics: members and their staff.", "统计：成员及其人员。";
    ReadAlerts = "read.alerts", MEMBERS, true, "Alerts: members.", "预警：成员。";
    ReadBlocks = "read.blocks", MEMBERS, true, "Whole blocks: members, who hold the ledger.", "完整区块：持有账本的成员。";
    ReadEvents = "read.events", MEMBERS, true, "The stream of all events: members.", "全部事件流：成员。";
    Submit = "submit", ALL, true, "Anybody may submit; the contract decides.", "任何人可提交，由合约裁决。";
    OpenSession = "session.open", MEMBERS | STAFF | CARD | GRANT | FOLDER, true, "Whoever proves a key that is on the ledger.", "能证明持有账本上密钥者。";
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Action {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .iter()
            .copied()
            .find(|action| action.as_str() == text)
            .ok_or(UnknownName)
    }
}

impl Serialize for Action {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

/// The answer of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Yes, under the rule's condition.
    Allowed,
    /// No: not for this role.
    Role,
    /// Not while the member is suspended.
    Suspended,
}

/// Whether a party may do something; `standing` matters for members only.
#[must_use]
pub const fn allowed(party: Party, standing: Standing, action: Action) -> Decision {
    let rule = action.rule();
    if !rule.admits(party) {
        return Decision::Role;
    }
    match (party, standing) {
        (Party::Member(_), Standing::Suspended) if !rule.suspended => Decision::Suspended,
        _ => Decision::Allowed,
    }
}

/// The rule that answers, with its answer: what `medfolder policy explain MEMBER ACTION` prints.
#[must_use]
pub const fn explain(party: Party, standing: Standing, action: Action) -> (Decision, Rule) {
    (allowed(party, standing, action), action.rule())
}

/// The whole table.
pub fn rules() -> impl Iterator<Item = Rule> {
    Action::ALL.iter().map(|action| action.rule())
}
