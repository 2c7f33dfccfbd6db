use super::hash::{Kind, OutOfMemory};
use super::{PasswordCost, UserAccount};

/// The kinds of hash that are in use, the most frequent first.
///
/// Whoever is refused has cost one hash of each, whether the user does not exist, may not get in, or sent another
/// password: so the time tells nothing, also where users have hashes of different cost. As long as all have hashes of one
/// kind, which is the rule, that is one hash.
#[derive(Clone, Debug, Default)]
pub(super) struct Kinds(Vec<Kind>);

/// More kinds than this are not looked at: the rarest go unnoticed.
const MAX: usize = 8;

impl Kinds {
    /// The kinds of these hashes.
    pub(super) fn of<'a>(kinds: impl IntoIterator<Item = &'a Kind>) -> Self {
        let mut counted: Vec<(&Kind, usize)> = Vec::new();
        for kind in kinds {
            match counted.iter_mut().find(|(own, _)| *own == kind) {
                Some((_, count)) => *count += 1,
                None => counted.push((kind, 1)),
            }
        }
        counted.sort_by(|(_, one), (_, other)| other.cmp(one));
        Self(counted.into_iter().take(MAX).map(|(kind, _)| kind.clone()).collect())
    }

    /// Adds what is not there yet; false if nothing was added.
    pub(super) fn add(&mut self, other: &Self) -> bool {
        let before = self.0.len();
        for kind in &other.0 {
            if self.0.len() < MAX && !self.0.contains(kind) {
                self.0.push(kind.clone());
            }
        }
        self.0.len() > before
    }

    /// Whether `password` lets its sender in by `account`. If not, it has cost one hash of each kind; of `fallback`, where
    /// there is none.
    pub(super) fn admits(
        &self,
        account: Option<&UserAccount>,
        password: &str,
        fallback: PasswordCost,
    ) -> Result<bool, OutOfMemory> {
        let fallback = [fallback.kind()];
        let kinds = if self.0.is_empty() { &fallback } else { self.0.as_slice() };
        let Some(account) = account else {
            kinds.iter().try_for_each(|kind| kind.waste(password))?;
            return Ok(false);
        };
        if account.hash().matches(password)? && account.is_open() {
            return Ok(true);
        }
        // A kind beyond the bound takes the place of one within.
        let own = account.hash().kind();
        let others = kinds.iter().filter(|kind| *kind != own);
        others.take(kinds.len() - 1).try_for_each(|kind| kind.waste(password))?;
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;
    use crate::verify::basic::PasswordHash;
    use crate::verify::basic::hash::runs;

    const BCRYPT: &str = "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";

    fn cost(passes: u32) -> PasswordCost {
        PasswordCost::argon2id(8, passes, 1).unwrap()
    }

    fn argon2(passes: u32) -> UserAccount {
        UserAccount::new(PasswordHash::hash_with(&Secret::from("correct horse"), cost(passes)).unwrap())
    }

    fn bcrypt() -> UserAccount {
        UserAccount::new(PasswordHash::parse(BCRYPT).unwrap())
    }

    /// Whether the password is let in, and what that has cost.
    fn tried(kinds: &Kinds, account: Option<&UserAccount>, password: &str) -> (bool, Vec<String>) {
        runs::take();
        let admitted = kinds.admits(account, password, PasswordCost::default()).unwrap();
        (admitted, runs::take())
    }

    fn kinds_of(accounts: &[UserAccount]) -> Kinds {
        Kinds::of(accounts.iter().map(|account| account.hash().kind()))
    }

    // THREAT-V12
    #[test]
    fn unknown_disabled_locked_and_wrong_password_cost_one_hash_of_the_one_kind() {
        let account = argon2(1);
        let kinds = kinds_of(std::slice::from_ref(&account));
        let unknown = tried(&kinds, None, "wrong");
        assert_eq!((unknown.0, unknown.1.len()), (false, 1));
        for (account, password) in [
            (account.clone(), "wrong"),
            (account.clone(), ""),
            (account.clone().disabled(true), "wrong"),
            (account.clone().disabled(true), "correct horse"),
            (account.clone().locked(true), "wrong"),
            (account.clone().locked(true), "correct horse"),
        ] {
            assert_eq!(tried(&kinds, Some(&account), password), unknown);
        }
        assert_eq!(tried(&kinds, Some(&account), "correct horse"), (true, unknown.1));
    }

    // THREAT-V12
    #[test]
    fn where_hashes_differ_in_cost_every_refusal_costs_one_of_each() {
        let accounts = [argon2(1), argon2(2), argon2(2), bcrypt()];
        let kinds = kinds_of(&accounts);
        let unknown = tried(&kinds, None, "wrong");
        assert_eq!(unknown.1.len(), 3, "{unknown:?}");
        for account in &accounts {
            assert_eq!(tried(&kinds, Some(account), "wrong"), unknown);
            assert_eq!(tried(&kinds, Some(&account.clone().locked(true)), "correct horse"), unknown);
            assert_eq!(tried(&kinds, Some(account), "correct horse").1.len(), 1);
        }
        // Longer than bcrypt reads: refused at the same cost.
        let long = "x".repeat(100);
        assert_eq!(tried(&kinds, Some(&accounts[3]), &long), tried(&kinds, None, &long));
    }

    // THREAT-V12
    #[test]
    fn before_any_hash_is_known_the_cost_is_that_of_new_ones() {
        let (admitted, cost) = tried(&Kinds::default(), None, "wrong");
        assert_eq!((admitted, cost), (false, vec![format!("{:?}", PasswordCost::default().kind())]));
        let mut kinds = Kinds::default();
        assert!(kinds.add(&kinds_of(&[bcrypt()])) && !kinds.add(&kinds_of(&[bcrypt()])));
        assert_eq!(tried(&kinds, None, "wrong"), tried(&kinds, Some(&bcrypt()), "wrong"));
    }

    // THREAT-V13, THREAT-A9
    #[test]
    fn more_kinds_than_eight_cost_no_more_than_eight() {
        let mut accounts: Vec<_> = (1..=20).map(argon2).collect();
        accounts.extend([argon2(20), argon2(20)]);
        let mut kinds = kinds_of(&accounts);
        assert!(kinds.0.contains(accounts[19].hash().kind()), "the most frequent one is among them");
        assert!(!kinds.add(&kinds_of(&[bcrypt()])));
        for account in [None, Some(&accounts[0]), Some(&accounts[18]), Some(&accounts[19]), Some(&bcrypt())] {
            assert_eq!(tried(&kinds, account, "wrong").1.len(), MAX);
        }
    }
}
