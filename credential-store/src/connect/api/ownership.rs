use super::caller::{ApiState, Caller};
use super::problem::Refusal;
use crate::error::StoreError;
use crate::model::CredentialId;
use crate::store::CredentialInfo;

/// The credential that a path names, if the caller may do something with it. A text that is no id, an unknown id, somebody else's credential and
/// one of a connector that the session does not have answer alike, byte for byte (SYS-C20).
pub(super) async fn owned(state: &ApiState, caller: &Caller, id: &str) -> Result<CredentialInfo, Refusal> {
    let id: CredentialId = id.parse().map_err(|_| StoreError::not_found())?;
    let info = state.connect.store().get(&caller.owner, id).await?;
    let is_bound = caller.reconnects.is_some_and(|bound| bound != id);
    match caller.allows(&info.connector) && !is_bound {
        true => Ok(info),
        false => Err(StoreError::not_found().into()),
    }
}
