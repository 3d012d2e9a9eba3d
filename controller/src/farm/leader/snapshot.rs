//! Snapshots in the leader's hands: read when somebody asks, leased, kept when the picture is in the store, tried elsewhere
//! when a node fails, given up with After Effects' words when three have. A lease names the snapshot where others name
//! their job.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use flatrender_protocol::message::{
    Lease as LeaseMessage, Made, OutcomeClass, Report, SnapshotReport, SnapshotWork, ToAgent, Work,
};
use flatrender_protocol::state::{AttemptState, SnapshotEvent, SnapshotState};
use flatrender_protocol::{AttemptId, JobId, NodeId};

use super::Leader;
use super::lease::{OUTPUT_TEMPLATE, SETTINGS_TEMPLATE};
use super::report::{FIRST_PAUSE, LONGEST_PAUSE, end_of};
use crate::plan::{Asked, Lease, LeaseWork};
use crate::store::events::{NewEvent, Who};
use crate::store::snapshots::{self, ANY_RENDERER, SnapshotRow, Which};
use crate::store::{StoreError, commit, leases};

/// A snapshot is tried so often, each time on a node that has not failed it while there is one.
const FAILURES_TO_FAIL: usize = 3;
/// After it failed for good, asking again renders nothing for so long; twice as long after each further time.
const FIRST_REST: Duration = Duration::from_secs(30);
const LONGEST_REST: Duration = Duration::from_secs(3600);

impl Leader {
    /// Takes in the snapshots that somebody asked for.
    pub(super) async fn read_snapshots(&mut self, now: Instant) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let rows = snapshots::read(&mut tx, Which::Open).await?;
        commit(tx).await?;
        for row in rows {
            let id = JobId::from(row.id);
            if self.asked.contains_key(&id) {
                continue;
            }
            let asked = Asked {
                source: row.source.cached().collect(),
                renderer: Some(row.renderer.clone()).filter(|it| it != ANY_RENDERER),
                failed_on: row.failed_nodes.iter().copied().collect(),
                avoid: row
                    .failed_nodes
                    .iter()
                    .map(|node| (*node, now + FIRST_PAUSE))
                    .collect(),
                lease: None,
            };
            self.snapshot.snapshots.insert(id, asked);
            self.asked.insert(id, row);
        }
        Ok(())
    }

    /// Leases a snapshot to a node. Answers whether it did.
    pub(super) async fn lease_snapshot(
        &mut self,
        id: JobId,
        node: NodeId,
    ) -> Result<bool, StoreError> {
        let Some(row) = self.asked.get(&id).cloned() else {
            return Ok(false);
        };
        let attempt = AttemptId::new();
        let mut tx = self.begin().await?;
        let Some(key) = snapshots::lease(&mut tx, attempt, row.id, node).await? else {
            commit(tx).await?;
            tracing::error!(snapshot = %row.id, "the planner's memory differed from the database");
            self.forget_snapshot(id);
            self.look = true;
            return Ok(false);
        };
        let lease = Lease {
            key,
            job: id,
            node,
            work: LeaseWork::Snapshot,
            shrinking: false,
            stopping: false,
        };
        let what = format!("frame {} of {}", row.display, row.composition);
        let mut events = vec![of_attempt(&row, &lease, AttemptState::Starting, Some(what))];
        events.extend(step(
            &row,
            SnapshotState::Queued,
            SnapshotEvent::Leased,
            None,
        ));
        Self::write_events(&mut tx, &events).await?;
        commit(tx).await?;
        self.farm.news.notify_waiters();
        self.hold(lease);
        let message = LeaseMessage {
            key,
            job: id,
            job_name: format!("snapshot of {}", row.composition),
            work: Work::Snapshot(SnapshotWork {
                source: row.source,
                composition: row.composition,
                display: i64::from(row.display),
                frame: row.frame,
                size: row.size,
                format: row.format,
                background: row.background,
                output_template: OUTPUT_TEMPLATE.to_owned(),
                settings_template: SETTINGS_TEMPLATE.to_owned(),
            }),
        };
        self.send(node, ToAgent::Lease(Box::new(message)));
        Ok(true)
    }

    /// A picture was reported: it counts when it is in the store and what was asked for.
    pub(super) async fn snapshot_made(
        &mut self,
        lease: &Lease,
        mut report: Report,
        now: Instant,
    ) -> Result<(), StoreError> {
        let Some(row) = self.asked.get(&lease.job).cloned() else {
            return self.stopped(lease, &report).await;
        };
        let picture = match &report.made {
            Some(Made::Snapshot(picture)) => Ok(picture.clone()),
            Some(Made::Film(_) | Made::Prepared(_) | Made::Sound(_)) | None => {
                Err("success was reported without a picture".to_owned())
            }
        };
        let checked = match picture {
            Ok(picture) => match self.picture_wrong(&row, &picture).await {
                None => Ok(picture),
                Some(wrong) => Err(wrong),
            },
            Err(wrong) => Err(wrong),
        };
        let picture = match checked {
            Ok(picture) => picture,
            Err(wrong) => {
                report.class = OutcomeClass::Transient;
                report.message = wrong;
                return self.snapshot_failed(lease, &report, now).await;
            }
        };
        let mut tx = self.begin().await?;
        leases::end(
            &mut tx,
            lease.key,
            AttemptState::Succeeded,
            &end_of(&report),
        )
        .await?;
        let mut events = vec![of_attempt(&row, lease, AttemptState::Succeeded, None)];
        if snapshots::made(&mut tx, row.id, &picture.blob).await? {
            events.extend(step(&row, SnapshotState::Leased, SnapshotEvent::Made, None));
        }
        Self::write_events(&mut tx, &events).await?;
        commit(tx).await?;
        self.let_go(lease.key);
        self.forget_snapshot(lease.job);
        self.node_failures.remove(&lease.node);
        self.farm.news.notify_waiters();
        self.farm.snapshots_over.notify_waiters();
        Ok(())
    }

    async fn picture_wrong(&self, row: &SnapshotRow, picture: &SnapshotReport) -> Option<String> {
        let (width, height) = row.size;
        if (picture.width, picture.height) != row.size {
            return Some(format!(
                "the picture has {} × {} pixels; {width} × {height} were asked for",
                picture.width, picture.height
            ));
        }
        // Claimed: a sweep between this and the row would take it.
        match self.farm.blobs.claim(picture.blob.digest).await {
            Ok(Some(bytes)) if bytes == picture.blob.bytes => None,
            Ok(_) => Some("the picture was reported, but is not in the store".to_owned()),
            Err(error) => Some(format!("the picture can't be found in the store: {error}")),
        }
    }

    /// A node failed it: another one tries, unless three have.
    pub(super) async fn snapshot_failed(
        &mut self,
        lease: &Lease,
        report: &Report,
        now: Instant,
    ) -> Result<(), StoreError> {
        let (node, id) = (lease.node, lease.job);
        tracing::warn!(%node, attempt = %lease.key.attempt, class = report.class.as_str(), message = report.message, "a snapshot failed");
        let Some(row) = self.asked.get_mut(&id) else {
            return self.stopped(lease, report).await;
        };
        row.failed_nodes.push(node);
        let row = row.clone();
        let over = row.failed_nodes.len() >= FAILURES_TO_FAIL;
        let words = self.words(&row.failed_nodes, report);
        let mut tx = self.begin().await?;
        leases::end(&mut tx, lease.key, AttemptState::Failed, &end_of(report)).await?;
        let why = Some(report.message.clone()).filter(|why| !why.is_empty());
        let mut events = vec![of_attempt(&row, lease, AttemptState::Failed, why)];
        if over {
            let rest = FIRST_REST.saturating_mul(1 << row.rounds.min(10));
            let rest = rest.min(LONGEST_REST);
            snapshots::fail(&mut tx, row.id, node, &words, rest).await?;
            let event = SnapshotEvent::Exhausted;
            events.extend(step(&row, SnapshotState::Leased, event, Some(words)));
        } else {
            snapshots::give_back(&mut tx, &[row.id], Some(node)).await?;
            let event = SnapshotEvent::GivenBack;
            events.extend(step(&row, SnapshotState::Leased, event, None));
        }
        Self::write_events(&mut tx, &events).await?;
        commit(tx).await?;
        self.let_go(lease.key);
        if over {
            self.forget_snapshot(id);
            self.farm.snapshots_over.notify_waiters();
        } else if let Some(asked) = self.snapshot.snapshots.get_mut(&id) {
            let again = row.failed_nodes.iter().filter(|it| **it == node).count();
            let pause = FIRST_PAUSE.saturating_mul(1 << again.min(10));
            asked.failed_on.insert(node);
            asked.avoid.insert(node, now + pause.min(LONGEST_PAUSE));
        }
        self.farm.news.notify_waiters();
        self.blame_node(node, report, now).await
    }

    /// Which nodes failed, and what After Effects said last.
    fn words(&self, failed: &[NodeId], report: &Report) -> String {
        let mut seen = HashSet::new();
        let names: Vec<String> = failed
            .iter()
            .filter(|node| seen.insert(**node))
            .map(|id| {
                let node = self.snapshot.nodes.get(id);
                node.map_or_else(|| id.to_string(), |node| node.name.clone())
            })
            .collect();
        let said = if report.message.is_empty() {
            "the renderer gave no reason"
        } else {
            &report.message
        };
        format!(
            "it failed {} times, on {}: {said}",
            failed.len(),
            names.join(", ")
        )
    }

    fn forget_snapshot(&mut self, id: JobId) {
        self.snapshot.snapshots.remove(&id);
        self.asked.remove(&id);
    }
}

fn of_attempt(row: &SnapshotRow, lease: &Lease, to: AttemptState, why: Option<String>) -> NewEvent {
    NewEvent {
        tenant: row.tenant,
        subject: "attempt",
        job: Some(lease.job),
        node: Some(lease.node),
        attempt: Some(lease.key.attempt),
        from: None,
        to: to.as_str(),
        who: match to {
            AttemptState::Starting => Who::Planner,
            AttemptState::Running
            | AttemptState::Stopping
            | AttemptState::Succeeded
            | AttemptState::Failed
            | AttemptState::Cancelled
            | AttemptState::Lost => Who::Agent,
        },
        why,
    }
}

/// The event of a snapshot's step; none for a step that its machine does not have.
fn step(
    row: &SnapshotRow,
    from: SnapshotState,
    event: SnapshotEvent,
    why: Option<String>,
) -> Option<NewEvent> {
    let to = match from.next(event) {
        Ok(to) => to,
        Err(illegal) => {
            tracing::error!(snapshot = %row.id, %illegal, "a step that a snapshot does not have");
            return None;
        }
    };
    Some(NewEvent {
        tenant: row.tenant,
        subject: "snapshot",
        job: Some(row.id.into()),
        node: None,
        attempt: None,
        from: Some(from.as_str()),
        to: to.as_str(),
        who: Who::Farm,
        why,
    })
}
