//! Why a job waits, in terms of what the planner goes by. Nothing here decides.

use std::time::Instant;

use flatrender_protocol::JobId;
use flatrender_protocol::state::JobState;

use super::snapshot::{Job, Node, Snapshot};
use super::{fit, prepare};

/// Why nothing of a job is leased right now; `None` when something is, or when it is over.
pub fn why_waiting(snapshot: &Snapshot, id: JobId, job: &Job, now: Instant) -> Option<String> {
    if !job.leases.is_empty() {
        return None;
    }
    match job.state {
        JobState::Queued | JobState::Preparing | JobState::Running | JobState::Assembling => {}
        JobState::Paused
        | JobState::Done
        | JobState::Cancelling
        | JobState::Cancelled
        | JobState::Failed => return None,
    }
    if let Some(key) = prepare::waits(job) {
        let same = snapshot.jobs.iter().find(|(other, about)| {
            **other != id && about.prepare == Some(key) && !about.leases.is_empty()
        });
        if let Some((other, _)) = same {
            return Some(format!(
                "job {other} sets the same values in the same project; this one goes on with what comes of it"
            ));
        }
        return why_none(
            snapshot,
            job,
            now,
            |node| node.can_prepare,
            || {
                "set values: it takes an After Effects that runs scripts (AfterFX beside aerender)"
                    .to_owned()
            },
        );
    }
    if job.state == JobState::Assembling && !job.wants_sound {
        return why_none(
            snapshot,
            job,
            now,
            |node| node.can_assemble,
            || "make films: it takes ffmpeg".to_owned(),
        );
    }
    let wanted = fit::release(snapshot, job);
    why_none(
        snapshot,
        job,
        now,
        |node| fit::renders(node, wanted),
        || match wanted {
            None => "render: it takes an After Effects".to_owned(),
            Some(release) => format!(
                "go on with this job: its frames are of After Effects {release}, and frames of two releases are not mixed; {}",
                others(snapshot)
            ),
        },
    )
}

/// The first thing that no node passes.
fn why_none(
    snapshot: &Snapshot,
    job: &Job,
    now: Instant,
    can: impl Fn(&Node) -> bool,
    what: impl Fn() -> String,
) -> Option<String> {
    let working: Vec<_> = snapshot
        .nodes
        .iter()
        .filter(|(_, node)| node.takes_work())
        .collect();
    if working.is_empty() {
        return Some("no node is online and takes work".to_owned());
    }
    let able: Vec<_> = working.iter().filter(|(_, node)| can(node)).collect();
    if able.is_empty() {
        return Some(format!(
            "none of the {} nodes that take work can {}",
            working.len(),
            what()
        ));
    }
    let kept_away = |id| job.avoid.get(id).is_some_and(|until| *until > now);
    if able.iter().all(|(id, _)| kept_away(*id)) {
        let next = able.iter().filter_map(|(id, _)| job.avoid.get(*id)).min();
        let seconds = next.map_or(0, |until| {
            until.saturating_duration_since(now).as_secs() + 1
        });
        return Some(format!(
            "every node that could has just failed it; the next try is in {seconds} s"
        ));
    }
    let free = able
        .iter()
        .any(|(id, node)| node.free_slots() > 0 && !kept_away(*id));
    (!free).then(|| format!("all {} nodes that could are at work", able.len()))
}

/// What the nodes have instead.
fn others(snapshot: &Snapshot) -> String {
    let mut releases: Vec<String> = snapshot
        .nodes
        .values()
        .filter(|node| node.takes_work())
        .map(|node| {
            node.release.map_or_else(
                || "an unknown one".to_owned(),
                |release| release.to_string(),
            )
        })
        .collect();
    releases.sort();
    releases.dedup();
    releases.truncate(8);
    format!("nodes that take work have {}", releases.join(", "))
}
