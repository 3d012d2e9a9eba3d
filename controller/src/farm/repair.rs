//! What a person orders of published frames: render them again, or take doubted ones as they are. Any controller may write
//! it; the leader is told and does the rest.

use flatrender_protocol::rest::JobView;
use flatrender_protocol::state::{JobEvent, JobState, RepairReason};
use flatrender_protocol::{FrameList, JobId, RepairId, Span, TenantId};
use serde_json::json;

use super::{Farm, Input};
use crate::plan::spans;
use crate::store::events::{self, NewEvent, Who};
use crate::store::jobs::{self, Change, JobRow, Which};
use crate::store::repairs::{self, NewRepair};
use crate::store::{self, StoreError, Tx, exports, frames};

/// Why frames were neither taken nor rendered again.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// No such job of this tenant.
    #[error("no such job")]
    Unknown,
    /// The frames that were named can't be meant; in words.
    #[error("{0}")]
    Frames(String),
    /// The job is where that is not possible; in words.
    #[error("{0}")]
    State(String),
    /// The database is away.
    #[error("order it")]
    Store(#[from] StoreError),
}

impl Farm {
    /// Takes doubted frames as they are: these display frames, or all. Open repairs that touch them are dismissed.
    ///
    /// # Errors
    /// [`RepairError`].
    pub async fn accept(
        &self,
        tenant: TenantId,
        id: JobId,
        wanted: Option<&str>,
    ) -> Result<JobView, RepairError> {
        self.job(tenant, id).await?.ok_or(RepairError::Unknown)?;
        let mut tx = store::begin(&self.worker).await?;
        let row = locked(&mut tx, id).await?;
        if row.state != JobState::Running {
            return Err(RepairError::State(format!(
                "the job is {}; frames are accepted while it runs and is held",
                row.state
            )));
        }
        let only = wanted.map(|text| ordinals(&row.frames, text)).transpose()?;
        let cleared = frames::clear(&mut tx, id, only.as_deref()).await?;
        let dismissed = repairs::dismiss(&mut tx, id, only.as_deref(), "operator").await?;
        if cleared.is_empty() && dismissed.is_empty() {
            return Err(RepairError::State(
                "none of these frames is doubted; there is nothing to accept".to_owned(),
            ));
        }
        jobs::set_reason(&mut tx, id, None).await?;
        let why = format!("frames {} accepted", row.frames.shown(&cleared));
        let event = event(&row, "frame", Some("suspect"), "published", why);
        events::write(&mut tx, &[event]).await?;
        self.ordered(tx, tenant, id).await
    }

    /// Orders display frames to be rendered again, on another node where there is one. A finished job is opened again, and
    /// its film is made anew afterwards.
    ///
    /// # Errors
    /// [`RepairError`].
    pub async fn repair(
        &self,
        tenant: TenantId,
        id: JobId,
        wanted: &str,
    ) -> Result<JobView, RepairError> {
        self.job(tenant, id).await?.ok_or(RepairError::Unknown)?;
        let mut tx = store::begin(&self.worker).await?;
        let row = locked(&mut tx, id).await?;
        let to = row.state.next(JobEvent::RepairAsked).map_err(|_| {
            RepairError::State(format!(
                "the job is {}; frames are rendered again while it runs, and when it is done or failed",
                row.state
            ))
        })?;
        let asked = ordinals(&row.frames, wanted)?;
        let all: Vec<u32> = asked.iter().flat_map(|span| span.ordinals()).collect();
        let there = frames::shown(&mut tx, id, Some(&all)).await?;
        let failed = jobs::reopen(&mut tx, id, &asked).await?;
        let mut published: Vec<Span> = Vec::new();
        for (ordinal, _) in &there {
            let one = Span {
                lo: *ordinal,
                hi: *ordinal + 1,
            };
            spans::add(&mut published, one);
        }
        if published.is_empty() && failed.is_empty() {
            return Err(RepairError::State(
                "none of these frames is published or failed yet; they are rendered anyway"
                    .to_owned(),
            ));
        }
        repairs::dismiss(&mut tx, id, Some(&asked), "operator").await?;
        if !published.is_empty() {
            let mut excluded: Vec<_> = there.iter().map(|(_, frame)| frame.shown.node).collect();
            excluded.sort_unstable();
            excluded.dedup();
            let repair = NewRepair {
                id: RepairId::new(),
                job: id,
                frames: published,
                reason: RepairReason::Asked,
                evidence: json!({ "why": "a person asked for it" }),
                excluded,
                probe: None,
                asked_by: "operator".to_owned(),
            };
            repairs::insert(&mut tx, &[repair]).await?;
        }
        if to != row.state {
            exports::reopen(&mut tx, id).await?;
            jobs::set_state(&mut tx, id, row.state, to, &Change::default()).await?;
            jobs::set_reason(&mut tx, id, None).await?;
        }
        let why = format!(
            "frames {} are to be rendered again",
            row.frames.shown(&asked)
        );
        let event = event(&row, "job", Some(row.state.as_str()), to.as_str(), why);
        events::write(&mut tx, &[event]).await?;
        self.ordered(tx, tenant, id).await
    }

    async fn ordered(
        &self,
        mut tx: Tx,
        tenant: TenantId,
        id: JobId,
    ) -> Result<JobView, RepairError> {
        jobs::tell(&mut tx).await?;
        store::commit(tx).await?;
        self.news.notify_waiters();
        // A full channel means that the leader is at work and will look anyway.
        self.inputs.try_send(Input::Wake).ok();
        self.job(tenant, id).await?.ok_or(RepairError::Unknown)
    }
}

async fn locked(tx: &mut Tx, id: JobId) -> Result<JobRow, RepairError> {
    jobs::lock(tx, &[id]).await?;
    let found = jobs::read(tx, Which::Ids(vec![id])).await?;
    found.into_iter().next().ok_or(RepairError::Unknown)
}

/// Display frames as ordinals of a job.
fn ordinals(list: &FrameList, text: &str) -> Result<Vec<Span>, RepairError> {
    let asked = FrameList::parse(text).map_err(|error| RepairError::Frames(error.to_string()))?;
    let mut found = Vec::new();
    for ordinal in 0..asked.len() {
        let display = asked.display(ordinal).unwrap_or_default();
        let lo = list.ordinal(display).ok_or_else(|| {
            RepairError::Frames(format!(
                "frame {display} is not one of the job's, which are {list}"
            ))
        })?;
        spans::add(&mut found, Span { lo, hi: lo + 1 });
    }
    Ok(found)
}

fn event(
    row: &JobRow,
    subject: &'static str,
    from: Option<&'static str>,
    to: &'static str,
    why: String,
) -> NewEvent {
    NewEvent {
        tenant: row.tenant,
        subject,
        job: Some(row.id),
        node: None,
        attempt: None,
        from,
        to,
        who: Who::Operator,
        why: Some(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_frames_become_ordinals_or_are_named() {
        let list = FrameList::parse("10-20:5,40").unwrap();
        let spans = ordinals(&list, "15,40").unwrap();
        assert_eq!(spans, [Span { lo: 1, hi: 2 }, Span { lo: 3, hi: 4 }]);
        let error = ordinals(&list, "15,16").unwrap_err().to_string();
        assert!(
            error.starts_with("frame 16 is not one of the job's"),
            "{error}"
        );
        assert!(ordinals(&list, "many").is_err());
    }
}
