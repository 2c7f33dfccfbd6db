//! The account at the end of a soak: what each credential came to, and why.
//!
//! The generation of a credential counts the rotations that were kept, that of its family at the provider those that happened. Each request that
//! carries a refresh token is in the journal of its process. So every credential that is lost has exactly one cause:
//!
//! | cause | the last sending in the journals | the provider |
//! |---|---|---|
//! | its process died before it sent | none that was not refused | one generation for each that was kept |
//! | its process died while it waited | without an end, by a process that was killed | either |
//! | its process died before it kept the answer | answered with 200, by a process that was killed | one more |
//! | the answer was lost | no answer, or one of a gateway | one more, and it knows of a lost answer |
//! | the answer was lost once it was sent | no answer | one more, and it gave the answer to its transport: too late, say |
//! | the request was lost, or broken off | no answer | one generation for each that was kept: the token is unspent, and nobody here can know |
//!
//! Anything else is a violation, as is a credential that is valid and a generation behind.

use std::collections::{BTreeMap, BTreeSet};

use tower_auth_core::TokenError;
use tower_auth_store::{CredentialRow, CredentialStatus};

use crate::journal::{Fate, Sending, hex, read};
use crate::world::{World, code};

/// What a credential came to.
pub(crate) struct Outcome {
    pub(crate) row: CredentialRow,
    pub(crate) result: Result<(), TokenError>,
    /// The provider's API takes its token.
    pub(crate) is_live: bool,
}

#[derive(Default)]
pub(crate) struct Account {
    pub(crate) causes: BTreeMap<&'static str, usize>,
    pub(crate) violations: Vec<String>,
}

impl Fate {
    /// The token may be spent.
    fn leaves_a_doubt(self) -> bool {
        match self {
            Self::Open | Self::Lost | Self::Answered(200 | 502) => true,
            Self::Unsent | Self::Answered(_) => false,
        }
    }
}

impl Account {
    pub(crate) fn of(
        world: &World,
        outcomes: &BTreeMap<usize, Outcome>,
        killed: &BTreeSet<u32>,
        has_grace: bool,
    ) -> Self {
        let mut account = Self::default();
        account.check_provider(world, has_grace);
        let sendings = read(&world.folder);
        account.check_sendings(sendings.values(), has_grace);
        let report = world.provider.report();
        let mut behind = 0;
        let mut lost = 0;
        for (index, outcome) in outcomes {
            let (user, row) = (&world.access.credentials[*index].0, &outcome.row);
            let family = report.families.iter().find(|family| family.subject == *user).unwrap();
            let generation = u64::try_from(row.generation).unwrap();
            let is_behind = family.generation > generation;
            behind += usize::from(is_behind && !has_grace);
            if row.status == CredentialStatus::Valid {
                if outcome.result.is_err() || !outcome.is_live || row.intent.is_some() {
                    account.violation(format!("{user} is valid and does not work: {:?}", outcome.result));
                }
                if is_behind && !has_grace {
                    account.violation(format!("{user} is valid and has lost a rotation"));
                }
                continue;
            }
            lost += 1;
            let said = outcome.result.as_ref().map_err(code);
            if row.status != CredentialStatus::Unconfirmed || said != Err("store.unconfirmed") {
                account.violation(format!("{user} is {} and says {said:?}", row.status));
            }
            let Some(intent) = &row.intent else {
                account.violation(format!("{user} is lost without a note"));
                continue;
            };
            let own = sendings.get(&hex(&intent.spends)).map(Vec::as_slice).unwrap_or_default();
            let doubts: Vec<_> = own.iter().filter(|sending| sending.fate.leaves_a_doubt()).collect();
            if has_grace && doubts.len() < 2 && !(doubts.len() == 1 && intent.is_replay) {
                account.violation(format!("{user} is lost though its token could have been sent again: {own:?}"));
            }
            let tokens = report.tokens.iter().filter(|token| token.family == family.family);
            let newest = tokens.clone().find(|token| token.generation == generation).unwrap();
            let has_lost_answer = family.replies_lost() > 0;
            let was_heard = newest.presentations > 0;
            let is_killed = |sending: &&Sending| killed.contains(&sending.process);
            let (cause, fits) = match doubts.last() {
                None => ("its process died before it sent", !was_heard),
                Some(last) if last.fate == Fate::Open => ("its process died while it waited", is_killed(last)),
                Some(last) if last.fate == Fate::Answered(200) => {
                    ("its process died before it kept the answer", is_killed(last) && was_heard)
                }
                Some(_) if was_heard && has_lost_answer => ("the answer was lost", true),
                Some(last) if was_heard => ("the answer was lost once it was sent", last.fate == Fate::Lost),
                Some(_) => ("the request was lost, or broken off", true),
            };
            *account.causes.entry(cause).or_default() += 1;
            // Without a grace the provider is one generation ahead where it heard the last token, and else none.
            if !fits || !has_grace && family.generation != generation + u64::from(was_heard) {
                account.violation(format!("{user}: {cause}, but {own:?} {newest:?} {family:?}"));
            }
        }
        // Whatever the provider rotated and nobody kept is known as lost.
        if behind > lost {
            account.violation(format!("{behind} families are ahead, and {lost} credentials are lost"));
        }
        if account.causes.values().sum::<usize>() != lost {
            account.violation(format!("{lost} credentials are lost, with causes {:?}", account.causes));
        }
        account
    }

    fn violation(&mut self, text: String) {
        self.violations.push(text);
    }

    /// Nobody was taken for a thief.
    fn check_provider(&mut self, world: &World, has_grace: bool) {
        let report = world.provider.report();
        let most = if has_grace { 2 } else { 1 };
        if (report.reuses, report.families_revoked, report.unknown_presentations) != (0, 0, 0) {
            self.violation(format!(
                "reuses {}, families revoked {}, unknown tokens {}",
                report.reuses, report.families_revoked, report.unknown_presentations
            ));
        }
        if report.max_presentations > most {
            self.violation(format!("a refresh token was presented {} times", report.max_presentations));
        }
    }

    /// A token in doubt is not sent again, but once within a grace, and nothing is sent by two at once.
    fn check_sendings<'a>(&mut self, all: impl Iterator<Item = &'a Vec<Sending>>, has_grace: bool) {
        let most = if has_grace { 1 } else { 0 };
        for list in all {
            let again = list.iter().rev().skip(1).filter(|sending| sending.fate.leaves_a_doubt()).count();
            if again > most {
                self.violation(format!("an old token was sent again: {list:?}"));
            }
        }
    }
}
