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
