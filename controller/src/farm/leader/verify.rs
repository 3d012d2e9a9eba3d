//! Every frame is there: may the film be made of them? What the frames show together is looked at here (`plan::verify`
//! decides what is doubtful), what is doubted is looked at again, and a job is held while anything of it is.

use std::collections::{BTreeSet, HashMap, HashSet};

use flatrender_protocol::state::{FrameState, JobEvent, JobState, RepairReason, RepairState};
use flatrender_protocol::{AttemptId, JobId, NodeId, RepairId, Span};
use serde_json::json;

use super::Leader;
use super::suspect::Suspicion;
use crate::plan::verify::{self, Doubt};
use crate::plan::{repair, spans};
use crate::store::attempts::{self, Ended};
use crate::store::frames::{self, FrameRow};
use crate::store::jobs::JobRow;
use crate::store::repairs::{self, NewRepair, RepairRow};
use crate::store::{StoreError, begin, commit, jobs};
use flatrender_protocol::message::Shown;

/// All that is known of a job whose frames are there.
pub(super) struct Whole {
    pub id: JobId,
    pub row: std::sync::Arc<JobRow>,
    pub frames: Vec<FrameRow>,
    pub attempts: Vec<Ended>,
    pub repairs: Vec<RepairRow>,
}

impl Whole {
    /// Frames that are doubted because of what their attempts said.
    pub fn suspects(&self) -> Vec<Span> {
        let mut suspects = Vec::new();
        for (ordinal, frame) in (0..).zip(&self.frames) {
            if frame.state == FrameState::Suspect {
                spans::add(&mut suspects, one(ordinal));
            }
        }
        suspects
    }

    /// Frames of repairs that nobody could carry out.
    pub fn unmended(&self) -> Vec<&RepairRow> {
        self.repairs
            .iter()
            .filter(|repair| repair.state == RepairState::Failed)
            .collect()
    }

    fn complained(&self) -> HashMap<AttemptId, String> {
        self.attempts
            .iter()
            .filter(|attempt| attempt.complained())
            .map(|attempt| {
                let words = attempt.message.lines().next().unwrap_or_default();
                let words = if words.is_empty() {
                    "nobody saw how it ended"
                } else {
                    words
                };
                (attempt.attempt, words.chars().take(200).collect())
            })
            .collect()
    }
}

/// Reasons for which the farm asks for a second opinion by what frames show.
fn by_sight(reason: RepairReason) -> bool {
    match reason {
        RepairReason::Size | RepairReason::Black | RepairReason::Frozen => true,
        RepairReason::Asked | RepairReason::Gap | RepairReason::Suspect | RepairReason::Torn => {
            false
        }
    }
}

impl Leader {
    /// Looks at the jobs of which something changed, and lets films be made of those that are right.
    pub(super) async fn check_complete(&mut self) -> Result<(), StoreError> {
        for id in std::mem::take(&mut self.to_check) {
            self.check(id).await?;
        }
        Ok(())
    }

    async fn check(&mut self, id: JobId) -> Result<(), StoreError> {
        let there = self.snapshot.jobs.get(&id).is_some_and(|job| {
            job.state == JobState::Running && spans::count(&job.published) == job.total
        });
        if !there || repair::under_way(&self.snapshot, id) {
            return Ok(());
        }
        let Some(whole) = self.read_whole(id).await? else {
            return Ok(());
        };
        if self.awaits_a_report(&whole) {
            return Ok(());
        }
        let mut wanted = Vec::new();
        let suspicion = self.suspicion(&whole);
        let held = match suspicion {
            Suspicion::None => None,
            Suspicion::Repair(repairs) => {
                wanted.extend(repairs);
                None
            }
            Suspicion::Held(why) => Some(why),
        };
        if wanted.is_empty() {
            wanted = self.doubted(&whole).await?;
        }
        if !wanted.is_empty() {
            return self.look_again(&whole, wanted).await;
        }
        match held {
            Some(why) => self.hold_back(id, &why).await,
            None => self.complete(id).await,
        }
    }

    async fn read_whole(&self, id: JobId) -> Result<Option<Whole>, StoreError> {
        let Some(facts) = self.facts.get(&id) else {
            return Ok(None);
        };
        let row = facts.row.clone();
        let mut tx = begin(&self.farm.worker).await?;
        let frames = frames::shown(&mut tx, id, None).await?;
        let attempts = attempts::ended(&mut tx, id, false, i64::MAX).await?;
        let repairs = repairs::of_jobs(&mut tx, &[id]).await?;
        commit(tx).await?;
        if frames.len() != row.frames.len() as usize {
            tracing::error!(job = %id, rows = frames.len(), "the planner's memory differed from the database");
            return Err(StoreError::Unreadable {
                what: "the frames of a job that has them all",
                value: id.to_string(),
            });
        }
        let frames = frames.into_iter().map(|(_, frame)| frame).collect();
        Ok(Some(Whole {
            id,
            row,
            frames,
            attempts,
            repairs,
        }))
    }

    /// Whether somebody who rendered some of it has yet to say how that went. Who is away is not waited for: its frames were
    /// checked one by one, and count as made by an attempt whose end nobody saw.
    fn awaits_a_report(&self, whole: &Whole) -> bool {
        let makers: HashSet<AttemptId> = whole.frames.iter().map(|f| f.shown.attempt).collect();
        whole
            .attempts
            .iter()
            .filter(|attempt| attempt.is_live() && makers.contains(&attempt.attempt))
            .any(|attempt| self.sessions.contains_key(&attempt.node))
    }

    /// Runs that look wrong, as far as they were not looked at before and the job may ask.
    async fn doubted(&self, whole: &Whole) -> Result<Vec<NewRepair>, StoreError> {
        let shown: Vec<Shown> = whole.frames.iter().map(|f| f.shown.clone()).collect();
        let found = verify::doubts(&shown, &whole.row.frames.runs(), &whole.complained());
        let mut looked = Vec::new();
        let mut in_vain = 0;
        for repair in whole.repairs.iter().filter(|r| by_sight(r.reason)) {
            in_vain += u32::from(repair.state == RepairState::Dismissed);
            for span in &repair.frames {
                spans::add(&mut looked, *span);
            }
        }
        let fresh = found
            .into_iter()
            .filter(|doubt| spans::missing(&looked, doubt.span) == [doubt.span]);
        let fresh: Vec<Doubt> = fresh.collect();
        if fresh.is_empty() {
            return Ok(Vec::new());
        }
        let believed = self.believed(whole).await?;
        let left = verify::opinions_left(whole.row.frames.len(), in_vain);
        let unknown = fresh.into_iter().filter(|doubt| {
            let mut displays = doubt
                .span
                .ordinals()
                .filter_map(|o| whole.row.frames.display(o));
            !displays.all(|display| believed.contains(&(doubt.reason, display)))
        });
        let mut repairs = Vec::new();
        for doubt in unknown.take(left as usize) {
            repairs.push(NewRepair {
                id: RepairId::new(),
                job: whole.id,
                frames: vec![doubt.span],
                reason: doubt.reason,
                evidence: json!({ "why": doubt.why, "nodes": self.names(&doubt.nodes) }),
                excluded: doubt.nodes,
                probe: Some(doubt.probe),
                asked_by: "farm".to_owned(),
            });
        }
        Ok(repairs)
    }

    async fn believed(&self, whole: &Whole) -> Result<BTreeSet<(RepairReason, i64)>, StoreError> {
        let mut tx = begin(&self.farm.worker).await?;
        let rows = repairs::believed(&mut tx, whole.row.package, &whole.row.composition).await?;
        commit(tx).await?;
        let mut believed = BTreeSet::new();
        for (reason, list, spans) in rows {
            let ordinals = spans.iter().flat_map(|span| span.ordinals());
            believed.extend(ordinals.filter_map(|o| Some((reason, list.display(o)?))));
        }
        Ok(believed)
    }

    async fn look_again(
        &mut self,
        whole: &Whole,
        wanted: Vec<NewRepair>,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        if jobs::lock(&mut tx, &[whole.id]).await?.is_empty() {
            return commit(tx).await;
        }
        repairs::insert(&mut tx, &wanted).await?;
        let events: Vec<_> = wanted
            .iter()
            .map(|repair| {
                let shown = whole.row.frames.shown(&repair.frames);
                let why = repair.evidence["why"].as_str().unwrap_or_default();
                let why = format!("{}: frames {shown}: {why}", repair.reason);
                self.repair_event(whole.id, None, RepairState::Open, why)
            })
            .collect();
        Self::write_events(&mut tx, &events).await?;
        let reason = format!("{} runs of frames are looked at again", wanted.len());
        jobs::set_reason(&mut tx, whole.id, Some(&reason)).await?;
        commit(tx).await?;
        self.farm.news.notify_waiters();
        tracing::warn!(job = %whole.id, repairs = wanted.len(), "frames are looked at again");
        self.read_repairs(&[whole.id]).await
    }

    async fn hold_back(&mut self, id: JobId, why: &str) -> Result<(), StoreError> {
        tracing::warn!(job = %id, why, "a job is held back");
        let mut tx = self.begin().await?;
        jobs::lock(&mut tx, &[id]).await?;
        jobs::set_reason(&mut tx, id, Some(why)).await?;
        commit(tx).await?;
        self.farm.news.notify_waiters();
        Ok(())
    }

    /// Nothing speaks against any frame: the film can be made.
    async fn complete(&mut self, id: JobId) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        if jobs::lock(&mut tx, &[id]).await?.is_empty() {
            return commit(tx).await;
        }
        let event = self
            .step(&mut tx, id, JobEvent::FramesComplete, None)
            .await?;
        if event.is_some() {
            jobs::set_reason(&mut tx, id, None).await?;
        }
        Self::write_events(&mut tx, event.as_slice()).await?;
        commit(tx).await?;
        self.farm.news.notify_waiters();
        if event.is_some()
            && let Some(job) = self.snapshot.jobs.get_mut(&id)
        {
            job.state = JobState::Assembling;
        }
        Ok(())
    }

    /// Names of nodes, for people.
    pub(super) fn names(&self, nodes: &[NodeId]) -> Vec<String> {
        nodes
            .iter()
            .map(|id| {
                let known = self.snapshot.nodes.get(id);
                known.map_or_else(|| id.to_string(), |node| node.name.clone())
            })
            .collect()
    }
}

fn one(ordinal: u32) -> Span {
    Span {
        lo: ordinal,
        hi: ordinal + 1,
    }
}
