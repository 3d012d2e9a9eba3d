//! What people see of jobs, nodes and events: read from the database, with what only the leader's clock knows added.

#![expect(
    clippy::disallowed_methods,
    reason = "people read how long ago a node was heard"
)]

use std::collections::HashMap;
use std::time::Instant;

use flatrender_protocol::rest::{EventView, JobView, LeaseView, NodeView, Page, PageInfo};
use flatrender_protocol::{FrameList, JobId, NodeId, TenantId};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Farm;
use crate::plan::spans;
use crate::store::jobs::{self, JobRow, Which};
use crate::store::leases::{self, LiveRow};
use crate::store::nodes::{self, NodeRow};
use crate::store::snapshots::{self, SnapshotRow};
use crate::store::{self, StoreError, events, exports};

/// Which page of jobs.
#[derive(Debug, Clone, Default)]
pub struct PageQuery {
    /// Name, whole id, or the last eight characters of the id.
    pub matching: Option<String>,
    /// Older than this one.
    pub before: Option<JobId>,
    /// At most so many, 1 … 200.
    pub limit: u32,
}

impl Farm {
    /// Jobs of a tenant, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn jobs(
        &self,
        tenant: TenantId,
        query: PageQuery,
    ) -> Result<Page<JobView>, StoreError> {
        let limit = i64::from(query.limit.clamp(1, 200));
        let PageQuery {
            matching, before, ..
        } = query;
        let which = Which::Page {
            tenant,
            matching,
            before,
            limit: limit + 1,
        };
        let mut data = self.read_jobs(which).await?;
        let has_more = data.len() as i64 > limit;
        data.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let next_cursor = data
            .last()
            .filter(|_| has_more)
            .map(|job| job.id.to_string());
        Ok(Page {
            data,
            page: PageInfo {
                next_cursor,
                has_more,
            },
        })
    }

    /// One job of a tenant.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn job(&self, tenant: TenantId, id: JobId) -> Result<Option<JobView>, StoreError> {
        let which = Which::Page {
            tenant,
            matching: Some(id.to_string()),
            before: None,
            limit: 2,
        };
        let found = self.read_jobs(which).await?;
        Ok(found.into_iter().find(|job| job.id == id))
    }

    async fn read_jobs(&self, which: Which) -> Result<Vec<JobView>, StoreError> {
        let mut tx = store::begin(&self.worker).await?;
        let rows = jobs::read(&mut tx, which).await?;
        let ids: Vec<JobId> = rows.iter().map(|row| row.id).collect();
        let live = leases::live(&mut tx, Some(&ids)).await?;
        let films: HashMap<_, _> = exports::of_jobs(&mut tx, &ids).await?.into_iter().collect();
        let names = nodes::names(&mut tx).await?;
        store::commit(tx).await?;
        let estimates = self
            .estimates
            .read()
            .expect("nobody panics while holding it")
            .clone();
        let waits = self
            .waits
            .read()
            .expect("nobody panics while holding it")
            .clone();
        Ok(rows
            .into_iter()
            .map(|row| {
                let leases = live.iter().filter(|lease| lease.job == row.id);
                let leases = leases
                    .map(|lease| lease_view(lease, &row, &names))
                    .collect();
                let film = films.get(&row.id).cloned();
                let eta_seconds = estimates
                    .get(&row.id)
                    .copied()
                    .filter(|_| !row.state.is_final());
                let waits = waits.get(&row.id).cloned();
                job_view(row, leases, film, eta_seconds, waits)
            })
            .collect())
    }

    /// Nodes by name: all, or those whose name, id or end of the id it is.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn nodes(&self, matching: Option<&str>) -> Result<Vec<NodeView>, StoreError> {
        let mut tx = store::begin(&self.worker).await?;
        let rows = nodes::all(&mut tx).await?;
        let live = leases::live(&mut tx, None).await?;
        let ids: Vec<JobId> = live.iter().map(|lease| lease.job).collect();
        let jobs = jobs::read(&mut tx, Which::Ids(ids)).await?;
        let open = snapshots::read(&mut tx, snapshots::Which::Open).await?;
        store::commit(tx).await?;
        let names: HashMap<NodeId, String> =
            rows.iter().map(|row| (row.id, row.name.clone())).collect();
        let matches = |row: &NodeRow| {
            matching.is_none_or(|text| {
                let (text, id) = (text.to_lowercase(), row.id.to_string());
                row.name.to_lowercase() == text
                    || id == text
                    || (text.len() == 8 && id.ends_with(&text))
            })
        };
        Ok(rows
            .iter()
            .filter(|row| matches(row))
            .map(|row| {
                let held = live
                    .iter()
                    .filter(|lease| lease.node == row.id)
                    .filter_map(|lease| {
                        if let Some(job) = jobs.iter().find(|job| job.id == lease.job) {
                            return Some(lease_view(lease, job, &names));
                        }
                        let asked = open.iter().find(|asked| lease.job == asked.id.into())?;
                        Some(snapshot_lease_view(lease, asked, &names))
                    });
                self.node_view(row, held.collect())
            })
            .collect())
    }

    /// One node.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn node(&self, id: NodeId) -> Result<Option<NodeView>, StoreError> {
        let all = self.nodes(Some(&id.to_string())).await?;
        Ok(all.into_iter().find(|node| node.id == id))
    }

    fn node_view(&self, row: &NodeRow, leases: Vec<LeaseView>) -> NodeView {
        let heard = self.presence.known(row.id);
        let ago = heard.map(|heard| Instant::now().saturating_duration_since(heard.at()));
        NodeView {
            id: row.id,
            name: row.name.clone(),
            hostname: row.hostname.clone(),
            os: row.os.clone(),
            policy: row.policy,
            health: row.health,
            link: row.link,
            seen_ms_ago: ago.map(|ago| u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)),
            agent_version: row.agent_version.clone(),
            renderers: row.renderers.clone(),
            can_assemble: row.can_assemble,
            cores: row.cores.map(i32::unsigned_abs),
            memory_mib: row.memory_mib.map(i64::unsigned_abs),
            slots: row.slots.unsigned_abs(),
            leases,
            cpu_percent: row.cpu_percent.map(|percent| percent as f32),
            disk_free_mib: row.disk_free_mib.map(i64::unsigned_abs),
            cache_bytes: row.cache_bytes.unsigned_abs(),
            cache_entries: u32::try_from(row.cache_entries).unwrap_or(u32::MAX),
        }
    }

    /// Events after a number, oldest first; of one job or of all.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn events_after(
        &self,
        job: Option<JobId>,
        after: i64,
        limit: i64,
    ) -> Result<Vec<EventView>, StoreError> {
        let mut tx = store::begin(&self.worker).await?;
        let found = events::after(&mut tx, job, after, limit.clamp(1, 1000)).await?;
        store::commit(tx).await?;
        Ok(found
            .into_iter()
            .map(|event| EventView {
                seq: event.seq,
                at: rfc3339(event.at),
                subject: event.subject,
                job: event.job,
                node: event.node,
                node_name: event.node_name,
                attempt: event.attempt,
                from: event.from,
                to: event.to,
                who: event.who,
                why: event.why,
            })
            .collect())
    }

    /// The newest event's number, 0 when there is none.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn newest_event(&self) -> Result<i64, StoreError> {
        let mut tx = store::begin(&self.worker).await?;
        let seq = events::newest(&mut tx).await?;
        store::commit(tx).await?;
        Ok(seq)
    }
}

fn job_view(
    row: JobRow,
    leases: Vec<LeaseView>,
    film: Option<flatrender_protocol::rest::FilmView>,
    eta_seconds: Option<u64>,
    waits: Option<String>,
) -> JobView {
    let waits = waits.filter(|_| !row.state.is_final());
    JobView {
        id: row.id,
        name: row.name,
        state: row.state,
        reason: row.reason.or(waits),
        notes: row.notes,
        project: row.project_name,
        composition: row.composition,
        frames_total: row.frames.len(),
        frames: row.frames.to_string(),
        width: row.width,
        height: row.height,
        rate: row.rate,
        pixel_aspect: row.pixel_aspect,
        priority: row.priority,
        frames_done: row.done_count,
        frames_failed: spans::count(&row.failed),
        values: row.values_hash,
        after_effects: row.pin.map(|release| release.to_string()),
        split: row.split,
        eta_seconds,
        created_at: rfc3339(row.created_at),
        started_at: row.started_at.map(rfc3339),
        finished_at: row.finished_at.map(rfc3339),
        leases,
        film,
    }
}

fn lease_view(lease: &LiveRow, job: &JobRow, names: &HashMap<NodeId, String>) -> LeaseView {
    let display = |frames: &FrameList, ordinal: Option<u32>| frames.display(ordinal?);
    LeaseView {
        attempt: lease.key.attempt,
        number: lease.number.unsigned_abs(),
        kind: lease.kind.as_str().to_owned(),
        job: lease.job,
        job_name: job.name.clone(),
        node: lease.node,
        node_name: names.get(&lease.node).cloned().unwrap_or_default(),
        first_frame: display(&job.frames, lease.span.map(|span| span.lo)),
        last_frame: display(&job.frames, lease.span.map(|span| span.hi - 1)),
        frames_done: lease.published,
        frames_total: lease.span.map_or(0, |span| span.len()),
        speculative: lease.speculative,
    }
}

fn snapshot_lease_view(
    lease: &LiveRow,
    asked: &SnapshotRow,
    names: &HashMap<NodeId, String>,
) -> LeaseView {
    LeaseView {
        attempt: lease.key.attempt,
        number: lease.number.unsigned_abs(),
        kind: lease.kind.as_str().to_owned(),
        job: lease.job,
        job_name: format!("snapshot of {}", asked.composition),
        node: lease.node,
        node_name: names.get(&lease.node).cloned().unwrap_or_default(),
        first_frame: Some(i64::from(asked.display)),
        last_frame: Some(i64::from(asked.display)),
        frames_done: 0,
        frames_total: 1,
        speculative: false,
    }
}

pub(super) fn rfc3339(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}
