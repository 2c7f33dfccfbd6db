use std::fmt;
use std::future::Future;

use super::check::{Check, Database, Failure};
use super::{
    changes, credentials, deletion, exchanges, hostile, jobs, keys, leases, listing, logins, records, sweeps, trail,
    turns,
};
use crate::backend::BackendError;

// A function cannot name another one, and a name that differs from its function would mislead.
macro_rules! list {
    ($($topic:ident: $($rule:ident),+;)+) => {
        &[$($(Check {
            name: concat!(stringify!($topic), "::", stringify!($rule)),
            body: |database| Box::pin($topic::$rule(database)),
        }),+),+]
    };
}

const CHECKS: &[Check] = list! {
    credentials:
        a_new_credential_is_read_back_whole,
        a_credential_without_tokens_has_none_and_no_times,
        an_id_is_used_once,
        a_foreign_owner_finds_nothing_anywhere,
        a_label_is_changed_and_is_no_revision,
        request_logging_is_turned_on_and_off,
        a_status_change_counts_and_keeps_its_time,
        a_status_change_for_another_generation_or_from_another_status_does_nothing,
        new_secrets_are_compared_and_set_and_end_lease_and_intent,
        of_many_reconnections_at_once_one_wins,
        a_use_is_noted_and_changes_nothing_else;
    listing:
        pages_hold_every_credential_once_the_newest_first,
        filters_combine,
        an_empty_list_is_empty;
    deletion:
        a_deleted_credential_is_unknown_to_everything,
        what_was_secret_is_not_returned_by_deletion_jobs_are_kept,
        deletion_under_a_lease_ends_it,
        of_many_deletions_at_once_one_wins_and_leaves_one_job,
        purging_drops_old_remains_and_nothing_else;
    leases:
        a_lease_is_held_until_it_is_released,
        an_expired_lease_is_taken_by_the_next,
        of_many_claims_at_once_one_wins,
        a_lease_is_extended_by_its_holder_alone,
        a_late_release_does_not_end_anothers_lease,
        due_credentials_are_claimed_in_order_and_within_the_limit,
        only_what_is_due_is_claimed,
        what_failed_before_is_claimed_apart_from_the_rest,
        competitors_never_claim_the_same;
    exchanges:
        an_exchange_begins_under_a_live_lease_and_the_right_generation_alone,
        a_finished_exchange_is_kept_once,
        a_finished_exchange_is_kept_though_the_lease_was_lost,
        tokens_that_come_for_a_revoked_credential_leave_it_revoked,
        the_end_of_a_refresh_token_stays_known_if_the_provider_says_nothing_new,
        a_failed_exchange_is_noted_and_ends_the_lease,
        a_failed_exchange_can_leave_status_and_intent,
        a_loser_cannot_overwrite_a_good_state,
        of_many_finishing_at_once_one_wins;
    turns:
        a_turn_makes_the_whole_fleet_wait,
        connectors_wait_for_themselves_alone,
        of_many_asking_at_once_one_may_go,
        a_fault_of_a_connector_changes_once;
    sweeps:
        what_ended_is_listed_until_its_status_says_so,
        only_what_ended_is_listed,
        what_ends_soon_is_listed_until_it_is_told_and_again_with_another_end,
        of_many_who_find_the_same_end_one_tells_it;
    keys:
        the_first_store_key_wins,
        a_store_key_is_replaced_if_it_is_still_the_same,
        credentials_under_other_keys_are_paged_through,
        a_data_key_is_replaced_once_and_is_no_revision;
    logins:
        of_fifty_takers_one_gets_the_login,
        a_login_that_is_over_is_not_taken,
        of_the_logins_of_an_owner_the_last_ones_wait,
        of_many_who_note_a_use_one_is_first;
    jobs:
        jobs_are_claimed_the_oldest_first_and_by_kind,
        a_job_is_leased_and_comes_back_if_its_worker_dies,
        a_delayed_job_waits_and_counts_its_attempts,
        jobs_that_are_put_off_wait_and_count_no_attempt,
        competitors_never_claim_the_same_job;
    trail:
        the_audit_trail_is_read_in_order_and_by_credential,
        the_audit_trail_outlives_its_credential,
        the_oldest_entries_of_the_audit_trail_are_dropped_a_few_at_once,
        a_request_log_keeps_the_last_entries,
        a_request_log_is_its_owners,
        nothing_is_logged_for_what_is_gone;
    records:
        a_record_is_kept_if_and_only_if_its_change_takes_effect,
        a_change_whose_record_is_refused_is_not_made,
        of_many_changes_at_once_one_leaves_its_record,
        what_no_change_caused_is_kept_whole;
    changes:
        changes_are_told_in_order_and_none_is_missed,
        changes_of_one_instant_are_paged_through,
        changes_are_announced_where_the_database_announces;
    hostile:
        hostile_texts_come_back_unchanged,
        large_values_come_back_unchanged,
        a_text_with_nul_is_kept_or_refused_whole,
        the_longest_durations_do_no_harm;
};

/// All checks, in the order in which [`run`] runs them.
#[must_use]
pub fn checks() -> &'static [Check] {
    CHECKS
}

/// Runs all checks, each on a database of its own that `make` makes.
///
/// # Errors
/// The checks that failed, and why.
pub async fn run<F, Fut>(make: F) -> Result<(), Failures>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<Database, BackendError>>,
{
    let mut failures = Vec::new();
    for check in CHECKS {
        let outcome = match make().await {
            Ok(database) => {
                let outcome = check.run(database.clone()).await;
                database.close().await;
                outcome
            }
            Err(error) => Err(Failure::new(format!("there is no database: {error}"))),
        };
        failures.extend(outcome.err().map(|failure| (check.name, failure)));
    }
    if failures.is_empty() { Ok(()) } else { Err(Failures { failures }) }
}

/// The checks that failed.
#[derive(Debug)]
pub struct Failures {
    failures: Vec<(&'static str, Failure)>,
}

impl Failures {
    /// The name of each check that failed, and why.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Failure)> {
        self.failures.iter().map(|(name, failure)| (*name, failure))
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} checks failed", self.failures.len(), CHECKS.len())?;
        for (name, failure) in &self.failures {
            write!(f, "\n  {name}: {failure}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failures {}
