//! Frames whose attempt says that it went well, and can't be believed: a missing effect, a font substituted, a GPU that
//! failed. They are rendered again on another node; when that says the same, it is the template, and a person decides.

use std::collections::{BTreeMap, BTreeSet};

use flatrender_protocol::message::{OutcomeClass, Report};
use flatrender_protocol::state::{RepairReason, RepairState};
use flatrender_protocol::{AttemptId, NodeId, RepairId, Span};
use serde_json::json;

use super::Leader;
use super::crash::signature;
use super::verify::Whole;
use crate::plan::{Lease, spans};
use crate::store::events::{NewEvent, Who};
use crate::store::repairs::NewRepair;
use crate::store::{StoreError, commit, frames, jobs};

/// Up to so many frames are rendered again at once; of more, one is rendered first: it may be the template.
const AT_ONCE: u32 = 4;
/// Doubted frames of so many nodes with the same words are the template's doing.
const NODES_TO_BELIEVE: usize = 2;

/// What doubted frames mean for their job.
pub(super) enum Suspicion {
    /// There are none.
    None,
    /// Another node is to render them.
    Repair(Vec<NewRepair>),
    /// No node renders them better: a person decides. In words.
    Held(String),
}

impl Leader {
    /// Doubts what an attempt published, when its report says so and the job does not take it all the same.
    pub(super) async fn doubt(&mut self, lease: &Lease, report: &Report) -> Result<(), StoreError> {
        let accepted = self
            .facts
            .get(&lease.job)
            .is_some_and(|facts| facts.row.accept_suspect);
        if report.class != OutcomeClass::Suspect || accepted {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        jobs::lock(&mut tx, &[lease.job]).await?;
        let doubted = frames::doubt(&mut tx, lease.key.attempt).await?;
        if doubted > 0 {
            let event = NewEvent {
                tenant: self.tenant(lease.job),
                subject: "frame",
                job: Some(lease.job),
                node: Some(lease.node),
                attempt: Some(lease.key.attempt),
                from: Some("published"),
                to: "suspect",
                who: Who::Farm,
                why: Some(format!("{doubted} frames: {}", report.message)),
            };
            Self::write_events(&mut tx, &[event]).await?;
        }
        commit(tx).await?;
        self.farm.news.notify_waiters();
        tracing::warn!(job = %lease.job, node = %lease.node, doubted, message = report.message, "frames are doubted");
        Ok(())
    }

    /// What the doubted frames of a whole job mean for it.
    pub(super) fn suspicion(&self, whole: &Whole) -> Suspicion {
        let mut open = whole.suspects();
        let unmended = whole.unmended();
        if open.is_empty() && unmended.is_empty() {
            return Suspicion::None;
        }
        for span in unmended.iter().flat_map(|repair| &repair.frames) {
            spans::remove(&mut open, *span);
        }
        let repairs = self.suspect_repairs(whole, &open);
        if repairs.is_empty() {
            return Suspicion::Held(self.held_in_words(whole));
        }
        Suspicion::Repair(repairs)
    }

    /// One repair for each attempt whose words no other node repeated.
    fn suspect_repairs(&self, whole: &Whole, open: &[Span]) -> Vec<NewRepair> {
        let mut said_by: BTreeMap<String, BTreeSet<NodeId>> = BTreeMap::new();
        for attempt in whole
            .attempts
            .iter()
            .filter(|a| a.class.as_deref() == Some("suspect"))
        {
            let nodes = said_by.entry(signature(&attempt.message)).or_default();
            nodes.insert(attempt.node);
        }
        let mut by_attempt: BTreeMap<AttemptId, Vec<Span>> = BTreeMap::new();
        for ordinal in open.iter().flat_map(|span| span.ordinals()) {
            if let Some(frame) = whole.frames.get(ordinal as usize) {
                let theirs = by_attempt.entry(frame.shown.attempt).or_default();
                spans::add(
                    theirs,
                    Span {
                        lo: ordinal,
                        hi: ordinal + 1,
                    },
                );
            }
        }
        let mut repairs = Vec::new();
        for (id, theirs) in by_attempt {
            let Some(attempt) = whole.attempts.iter().find(|a| a.attempt == id) else {
                continue;
            };
            let nodes = said_by.get(&signature(&attempt.message));
            if nodes.is_some_and(|nodes| nodes.len() >= NODES_TO_BELIEVE) {
                continue;
            }
            let first = theirs.first().map(|span| span.lo);
            repairs.push(NewRepair {
                id: RepairId::new(),
                job: whole.id,
                probe: first.filter(|_| spans::count(&theirs) > AT_ONCE),
                frames: theirs,
                reason: RepairReason::Suspect,
                evidence: json!({
                    "why": attempt.message, "nodes": self.names(&[attempt.node]), "attempt": attempt.number,
                }),
                excluded: vec![attempt.node],
                asked_by: "farm".to_owned(),
            });
        }
        repairs
    }

    /// Which frames hold a job, whose words speak against them, and both ways out.
    fn held_in_words(&self, whole: &Whole) -> String {
        let list = &whole.row.frames;
        let mut all = whole.suspects();
        let mut said: Vec<String> = Vec::new();
        for repair in whole.unmended() {
            for span in &repair.frames {
                spans::add(&mut all, *span);
            }
            let why = repair.evidence["why"].as_str().unwrap_or_default();
            let then = repair.evidence["failed"].as_str().unwrap_or_default();
            said.push(format!(
                "{} ({}): {why}; {then}",
                list.shown(&repair.frames),
                repair.reason
            ));
        }
        for attempt in whole
            .attempts
            .iter()
            .filter(|a| a.class.as_deref() == Some("suspect"))
        {
            let words = attempt.message.lines().next().unwrap_or_default();
            let names = self.names(&[attempt.node]);
            said.push(format!(
                "attempt {} on {}: {words}",
                attempt.number,
                names.join(", ")
            ));
        }
        said.truncate(8);
        let (name, shown) = (&whole.row.name, list.shown(&all));
        format!(
            "held: frames {shown} are doubted, and no other node made them better. {}. \"flatctl job accept '{name}'\" takes them \
             as they are, \"flatctl job repair '{name}' --frames {shown}\" renders them again",
            said.join(". ")
        )
    }

    /// An event about a repair.
    pub(super) fn repair_event(
        &self,
        job: flatrender_protocol::JobId,
        from: Option<RepairState>,
        to: RepairState,
        why: String,
    ) -> NewEvent {
        NewEvent {
            tenant: self.tenant(job),
            subject: "repair",
            job: Some(job),
            node: None,
            attempt: None,
            from: from.map(RepairState::as_str),
            to: to.as_str(),
            who: Who::Farm,
            why: Some(why),
        }
    }
}
