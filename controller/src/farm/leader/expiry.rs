//! The passing of time: silent nodes, lost nodes, reports whose frames never came.

use std::time::{Duration, Instant};

use flatrender_protocol::message::LeaseKey;
use flatrender_protocol::state::{AttemptState, FrameJobState, Health, Link};
use flatrender_protocol::{JobId, NodeId, SnapshotId};

use super::Leader;
use crate::plan::{Lease, LeaseWork, spans};
use crate::store::events::{NewEvent, Who};
use crate::store::leases::{self, End};
use crate::store::{StoreError, commit, jobs, nodes, snapshots};

/// How often a silent node is looked at: it may be heard again by a datagram alone.
const SILENT_LOOK: Duration = Duration::from_millis(250);
/// From so many nodes on, many falling silent at once is the network.
const FEW: usize = 3;

impl Leader {
    pub(super) async fn expire(&mut self, now: Instant) -> Result<(), StoreError> {
        self.shift_after_stall(now);
        self.end_patience(now);
        let due: Vec<NodeId> = self
            .watch
            .iter()
            .take_while(|(at, _)| *at <= now)
            .map(|(_, node)| *node)
            .collect();
        self.watch.retain(|(at, _)| *at > now);
        for node in due {
            let next = self.look_at(node, now).await?;
            self.watch.insert((next, node));
        }
        self.end_quarantines(now).await?;
        self.give_up_awaited(now).await
    }

    /// After a stall of its own a leader must not blame the nodes for it.
    fn shift_after_stall(&mut self, now: Instant) {
        let stalled = now.saturating_duration_since(self.last_turn) > Duration::from_secs(2);
        self.last_turn = now;
        if stalled {
            tracing::warn!("this controller stood still; every node counts as heard now");
            for (id, heard) in &self.heard {
                if self
                    .snapshot
                    .nodes
                    .get(id)
                    .is_some_and(|node| node.link != Link::Lost)
                {
                    heard.note(now);
                }
            }
        }
    }

    /// Moves a node between online, silent and lost; answers when to look again.
    async fn look_at(&mut self, node: NodeId, now: Instant) -> Result<Instant, StoreError> {
        let settings = self.farm.settings.clone();
        let Some(heard) = self.heard.get(&node).map(super::Heard::at) else {
            return Ok(now + settings.lost_after());
        };
        let silence = now.saturating_duration_since(heard);
        match self.link(node) {
            Link::Online if silence >= settings.silent_after() => {
                self.set_link(node, Link::Online, Link::Silent, "nothing heard")
                    .await?;
                self.suspect_network(now);
                Ok(now + SILENT_LOOK)
            }
            Link::Online => Ok(heard + settings.silent_after()),
            Link::Silent if silence < settings.silent_after() => {
                self.set_link(node, Link::Silent, Link::Online, "heard again")
                    .await?;
                Ok(heard + settings.silent_after())
            }
            Link::Silent if silence >= settings.lost_after() && self.may_expire(now) => {
                self.set_link(node, Link::Silent, Link::Lost, "nothing heard for too long")
                    .await?;
                let held: Vec<LeaseKey> = self
                    .snapshot
                    .leases
                    .values()
                    .filter(|lease| lease.node == node)
                    .map(|lease| lease.key)
                    .collect();
                self.lose(&held, "the node is lost", now).await?;
                Ok(now + settings.lost_after())
            }
            Link::Silent => Ok(now + SILENT_LOOK),
            // Heard again by joining, which sets its own watch.
            Link::Lost => Ok(now + settings.lost_after()),
        }
    }

    /// A new leader expires nothing until 95 % of the nodes that held leases are back, or its grace is over.
    fn may_expire(&self, now: Instant) -> bool {
        if now >= self.patient_until {
            return true;
        }
        let mut holders: Vec<NodeId> = self.snapshot.leases.values().map(|l| l.node).collect();
        holders.sort_unstable();
        holders.dedup();
        let back = holders
            .iter()
            .filter(|node| self.sessions.contains_key(node))
            .count();
        back * 100 >= holders.len() * 95
    }

    /// A new leader copies nothing while those who held leases are on their way back with what they rendered meanwhile.
    fn end_patience(&mut self, now: Instant) {
        if self.snapshot.no_copies_until == Some(self.patient_until) && self.may_expire(now) {
            self.snapshot.no_copies_until = None;
        }
    }

    /// Over a tenth of the online nodes silent within one silence limit: it is the network, not they.
    fn suspect_network(&mut self, now: Instant) {
        self.fell_silent.push_back(now);
        let since = now.checked_sub(self.farm.settings.silent_after());
        while self
            .fell_silent
            .front()
            .zip(since)
            .is_some_and(|(at, since)| *at < since)
        {
            self.fell_silent.pop_front();
        }
        let online = self
            .snapshot
            .nodes
            .values()
            .filter(|node| node.link == Link::Online)
            .count();
        let fell = self.fell_silent.len();
        if fell >= FEW && fell * 10 > online + fell {
            let until = now + Duration::from_millis(self.farm.settings.network_grace_ms);
            tracing::warn!(
                fell,
                online,
                "so many nodes fell silent at once that it is the network"
            );
            self.snapshot.no_copies_until = Some(until);
        }
    }

    /// Leases that ended without their node's doing: uncharged, their frames back in todo.
    pub(super) async fn lose(
        &mut self,
        keys: &[LeaseKey],
        why: &str,
        _now: Instant,
    ) -> Result<(), StoreError> {
        let lost: Vec<Lease> = keys
            .iter()
            .filter_map(|key| {
                self.snapshot
                    .leases
                    .get(&key.attempt)
                    .filter(|l| l.key == *key)
            })
            .cloned()
            .collect();
        if lost.is_empty() {
            return Ok(());
        }
        let end = End {
            message: why.to_owned(),
            ..End::default()
        };
        let ended = lost
            .into_iter()
            .map(|lease| (lease, AttemptState::Lost, end.clone()))
            .collect();
        self.end_leases(ended, FrameJobState::Returned, Who::Clock)
            .await
    }

    /// Ends leases in one transaction: attempts, frame jobs, frames back to todo, copies promoted, events.
    pub(super) async fn end_leases(
        &mut self,
        ended: Vec<(Lease, AttemptState, End)>,
        frame_jobs: FrameJobState,
        who: Who,
    ) -> Result<(), StoreError> {
        let mut ids: Vec<JobId> = ended.iter().map(|(lease, _, _)| lease.job).collect();
        ids.sort_unstable();
        ids.dedup();
        let attempts: Vec<_> = ended
            .iter()
            .filter(|(lease, _, _)| lease.span().is_some())
            .map(|(lease, _, _)| lease.key.attempt)
            .collect();
        let mut tx = self.begin().await?;
        jobs::lock(&mut tx, &ids).await?;
        let mut events = Vec::new();
        for (lease, state, end) in &ended {
            leases::end(&mut tx, lease.key, *state, end).await?;
            Self::give_repair_back(&mut tx, lease).await?;
            events.push(NewEvent {
                tenant: self.tenant(lease.job),
                subject: "attempt",
                job: Some(lease.job),
                node: Some(lease.node),
                attempt: Some(lease.key.attempt),
                from: None,
                to: state.as_str(),
                who,
                why: Some(end.message.clone()).filter(|why| !why.is_empty()),
            });
        }
        let back = leases::give_back(&mut tx, &attempts, frame_jobs).await?;
        let snapshots: Vec<_> = ended
            .iter()
            .filter(|(lease, _, _)| lease.work == LeaseWork::Snapshot)
            .map(|(lease, _, _)| SnapshotId(lease.job.0))
            .collect();
        snapshots::give_back(&mut tx, &snapshots, None).await?;
        Self::write_events(&mut tx, &events).await?;
        commit(tx).await?;
        self.farm.news.notify_waiters();
        for (lease, _, _) in &ended {
            self.let_go(lease.key);
            self.promote_copies(lease);
        }
        for (job, spans_back) in back {
            if let Some(job) = self.snapshot.jobs.get_mut(&job) {
                for span in spans_back {
                    spans::add(&mut job.todo, span);
                }
            }
        }
        self.finish_cancelled().await
    }

    /// As `give_back` did in the database: copies inside an ended lease are the leases proper now.
    fn promote_copies(&mut self, ended: &Lease) {
        let LeaseWork::Frames {
            span: outer,
            speculative: false,
        } = ended.work
        else {
            return;
        };
        for lease in self
            .snapshot
            .leases
            .values_mut()
            .filter(|lease| lease.job == ended.job)
        {
            if let LeaseWork::Frames {
                span,
                speculative: copy @ true,
            } = &mut lease.work
                && outer.lo <= span.lo
                && span.hi <= outer.hi
            {
                *copy = false;
            }
        }
    }

    async fn end_quarantines(&mut self, now: Instant) -> Result<(), StoreError> {
        let over: Vec<NodeId> = self
            .quarantined
            .iter()
            .filter(|(_, until)| **until <= now)
            .map(|(id, _)| *id)
            .collect();
        for id in over {
            self.quarantined.remove(&id);
            let mut tx = self.begin().await?;
            nodes::set_health(&mut tx, id, None).await?;
            commit(tx).await?;
            if let Some(node) = self.snapshot.nodes.get_mut(&id) {
                node.health = Health::Ok;
            }
            tracing::info!(node = %id, "quarantine is over");
        }
        Ok(())
    }
}
