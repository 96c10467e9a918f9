//! Contract *monitor*: it watches and raises alerts by the policy's thresholds.
//!
//! Most alerts come with the transaction that shows them. Two are counts over time: wrong codes of
//! one grant within an hour, openings by one grantee within a day; each is raised when the count
//! reaches the threshold and again only after it was below. Counts start anew with the process.

use std::collections::{HashMap, VecDeque};

use medfolder_ledger::body::{AccessOutcome, Grantee, ZoneFinding};
use medfolder_ledger::event::{Alert, Step};
use medfolder_ledger::policy::{AlertThresholds, DAY, HOUR};
use medfolder_ledger::state::{AccessClass, GrantEntry};
use medfolder_ledger::{Accepted, StateKey, Subject};
use medfolder_record::GrantId;

use crate::store::IndexAlert;

/// Counters of the alerts over time.
pub struct Monitor {
    thresholds: AlertThresholds,
    codes: HashMap<GrantId, VecDeque<u64>>,
    openings: HashMap<String, VecDeque<u64>>,
}

/// A block's time and height, for the alerts that it raises.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// The block.
    pub height: u64,
    /// Its time.
    pub time: u64,
}

impl At {
    fn alert(self, code: &str, subject: impl ToString) -> IndexAlert {
        let (height, time) = (self.height, self.time);
        IndexAlert {
            code: code.to_owned(),
            height,
            time,
            subject: subject.to_string(),
        }
    }
}

impl Monitor {
    /// A monitor by these thresholds.
    #[must_use]
    pub fn new(thresholds: AlertThresholds) -> Self {
        Self {
            thresholds,
            codes: HashMap::new(),
            openings: HashMap::new(),
        }
    }

    /// What an accepted transaction raises; `grant` finds a grant's entry after it.
    pub fn watch(
        &mut self,
        at: At,
        accepted: &Accepted,
        grant: impl Fn(&GrantId) -> Option<GrantEntry>,
    ) -> Vec<IndexAlert> {
        let mut raised = Vec::new();
        for alert in &accepted.alerts {
            raised.extend(self.one(at, alert));
        }
        for touch in &accepted.touches {
            if let (Subject::Grant(id), Step::Access { access, .. }) = (&touch.subject, &touch.step)
                && access.entry.outcome == AccessOutcome::Opened
                && let Some(name) = grant(id).and_then(|entry| named(&entry.grantee))
            {
                let most = self.thresholds.openings_per_grantee_per_day;
                if reached(&mut self.openings, name.clone(), at.time, DAY, most) {
                    raised.push(at.alert("access.volume", name));
                }
            }
        }
        raised
    }

    fn one(&mut self, at: At, alert: &Alert) -> Option<IndexAlert> {
        match alert {
            Alert::Access { grant, class, .. } => Some(at.alert(class_code(*class)?, grant)),
            Alert::Code {
                grant,
                locked: true,
                ..
            } => Some(at.alert("access.locked", grant)),
            Alert::Code {
                grant,
                locked: false,
                ..
            } => {
                let most = self.thresholds.wrong_codes_per_hour;
                reached(&mut self.codes, *grant, at.time, HOUR, most)
                    .then(|| at.alert("access.wrong_codes", grant))
            }
            Alert::GrantUnknown { grant, .. } => Some(at.alert("access.grant_unknown", grant)),
            Alert::Zone { record, what, .. } => Some(at.alert(
                match what {
                    ZoneFinding::Changed => "zone.changed",
                    ZoneFinding::Missing => "zone.missing",
                },
                record,
            )),
            Alert::Frozen { card } => Some(at.alert("card.frozen", card)),
        }
    }
}

/// A grant's entry among a block's writes.
#[must_use]
pub fn grant_in(
    writes: &std::collections::BTreeMap<StateKey, Vec<u8>>,
    key: &StateKey,
) -> Option<GrantEntry> {
    writes
        .get(key)
        .and_then(|bytes| medfolder_crypto::from_cbor(bytes, bytes.len()).ok())
}

const fn class_code(class: AccessClass) -> Option<&'static str> {
    match class {
        AccessClass::InWindow => None,
        AccessClass::Late => Some("access.late"),
        AccessClass::AfterEnd => Some("access.after_end"),
        AccessClass::OverCount => Some("access.over_count"),
        AccessClass::Ahead => Some("access.ahead"),
        AccessClass::Repeated => Some("access.repeated"),
    }
}

fn named(grantee: &Grantee) -> Option<String> {
    match grantee {
        Grantee::Bearer => None,
        Grantee::Member(id) => Some(id.to_string()),
        Grantee::Staff(id) => Some(id.to_string()),
        Grantee::Folder(id) => Some(id.to_string()),
    }
}

/// Counts one more at `now`; whether exactly `most` lie within the last `window`.
fn reached<K: Eq + std::hash::Hash>(
    counts: &mut HashMap<K, VecDeque<u64>>,
    key: K,
    now: u64,
    window: u64,
    most: u32,
) -> bool {
    let times = counts.entry(key).or_default();
    times.push_back(now);
    while times.front().is_some_and(|first| first + window <= now) {
        times.pop_front();
    }
    let reached = times.len() as u64 == u64::from(most);
    if counts.len() > 100_000 {
        counts.retain(|_, times| times.back().is_some_and(|last| last + window > now));
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;
    use medfolder_crypto::Digest;
    use medfolder_record::MemberId;

    fn wrong_code() -> Accepted {
        let (grant, host) = (GrantId(Digest([1; 32])), MemberId([1; 16]));
        let alerts = vec![Alert::Code {
            grant,
            host,
            locked: false,
        }];
        Accepted {
            position: 0,
            touches: Vec::new(),
            alerts,
        }
    }

    #[test]
    fn the_fifth_wrong_code_within_an_hour_raises_one_alert() {
        let mut monitor = Monitor::new(AlertThresholds::default());
        let mut raised = |time| {
            let alerts = monitor.watch(At { height: 1, time }, &wrong_code(), |_| None);
            alerts
                .into_iter()
                .map(|alert| alert.code)
                .collect::<Vec<_>>()
        };
        for time in 0..4 {
            assert!(raised(time).is_empty());
        }
        assert_eq!(raised(4), ["access.wrong_codes"]);
        assert!(raised(5).is_empty());
        assert!(raised(5 + HOUR).is_empty());
    }
}
