//! One tick's choices. Order: who is next (priority, then age), which frames, which node (warm cache first). Each free slot
//! gets at most one choice a tick, and no ordinal is chosen twice.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Instant;

use flatrender_protocol::state::{JobState, Link};
use flatrender_protocol::{AttemptId, JobId, NodeId, Span, Split};

use super::repair::{self, RepairChoice};
use super::snapshot::{Job, Lease, LeaseWork, Snapshot};
use super::{fit, length, prepare, snapshots, sound, spans};

/// What should be leased, or asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Frames for a node.
    Frames {
        /// The job.
        job: JobId,
        /// The node.
        node: NodeId,
        /// The ordinals, of one run.
        span: Span,
        /// A second copy of what a silent node holds.
        speculative: bool,
    },
    /// Published frames to be rendered again.
    Repair(RepairChoice),
    /// A film for a node.
    Assemble {
        /// The job.
        job: JobId,
        /// The node.
        node: NodeId,
    },
    /// A snapshot for a node.
    Snapshot {
        /// The snapshot, as its lease names it.
        snapshot: JobId,
        /// The node.
        node: NodeId,
    },
    /// A project to be prepared by a node.
    Prepare {
        /// The job.
        job: JobId,
        /// The node.
        node: NodeId,
    },
    /// The composition's own sound for a node.
    Sound {
        /// The job.
        job: JobId,
        /// The node.
        node: NodeId,
    },
    /// Ask a holder to end earlier, so that idle nodes can help.
    Shrink {
        /// The lease.
        attempt: AttemptId,
        /// New end of its span.
        until: u32,
    },
}

/// Free slots by node, handed out one at a time.
pub(super) struct Slots(pub(super) HashMap<NodeId, u32>);

impl Slots {
    pub(super) fn take(&mut self, node: NodeId) {
        if let Some(free) = self.0.get_mut(&node) {
            *free -= 1;
            if *free == 0 {
                self.0.remove(&node);
            }
        }
    }
}

/// What should happen now.
pub fn decide(snapshot: &Snapshot, now: Instant) -> Vec<Choice> {
    let free = snapshot
        .nodes
        .iter()
        .filter(|(_, node)| node.takes_work() && node.free_slots() > 0);
    let mut slots = Slots(free.map(|(id, node)| (*id, node.free_slots())).collect());
    let mut choices = Vec::new();
    snapshots::first(snapshot, now, &mut slots, &mut choices);
    let free = |fits: &dyn Fn(NodeId) -> bool| {
        let node = slots.0.keys().copied().filter(|node| fits(*node)).min()?;
        slots.take(node);
        Some(node)
    };
    let repairs = repair::repairs(snapshot, now, free);
    choices.extend(repairs.into_iter().map(Choice::Repair));
    let mut jobs: Vec<(&JobId, &Job)> = snapshot.jobs.iter().collect();
    jobs.sort_by_key(|(id, job)| (Reverse(job.priority), **id));
    prepare::decide(snapshot, &jobs, now, &mut slots, &mut choices);
    for (id, job) in &jobs {
        if slots.0.is_empty() {
            return choices;
        }
        match job.state {
            JobState::Queued | JobState::Preparing | JobState::Running => {
                if job.prepare.is_none() {
                    frames(snapshot, **id, job, now, &mut slots, &mut choices);
                }
            }
            JobState::Assembling if job.wants_sound => {
                sound::decide(snapshot, **id, job, now, &mut slots, &mut choices);
            }
            JobState::Assembling => assembly(snapshot, **id, job, now, &mut slots, &mut choices),
            JobState::Paused
            | JobState::Done
            | JobState::Cancelling
            | JobState::Cancelled
            | JobState::Failed => {}
        }
    }
    snapshots::rest(snapshot, now, &mut slots, &mut choices);
    if snapshot.no_copies_until.is_none_or(|until| until <= now) {
        copies(snapshot, now, &mut slots, &mut choices);
    }
    help(snapshot, &jobs, now, &slots, &mut choices);
    choices
}

fn frames(
    snapshot: &Snapshot,
    id: JobId,
    job: &Job,
    now: Instant,
    slots: &mut Slots,
    choices: &mut Vec<Choice>,
) {
    let waits_for_canary = job.canary && job.published.is_empty();
    let mut release = fit::release(snapshot, job);
    let mut todo = job.todo.clone();
    if waits_for_canary && snapshot.leases_of(job).any(|lease| lease.span().is_some()) {
        todo.clear();
    }
    if !waits_for_canary {
        // Beside the canary, and not behind a long film's frames.
        sound::decide(snapshot, id, job, now, slots, choices);
    }
    let helpers = fit::helpers(snapshot, release);
    if job.split == Split::Never {
        // A run that somebody is at is not split; what is left of it waits for them.
        for span in snapshot.leases_of(job).filter_map(Lease::span) {
            spans::remove(&mut todo, run_of(job, span.lo));
        }
    }
    while let Some(first) = todo.first().copied() {
        let Some(node) = fit::renderer(snapshot, job, release, now, slots) else {
            return;
        };
        release = release.or_else(|| snapshot.nodes.get(&node)?.release);
        let run = run_of(job, first.lo);
        let length = if waits_for_canary {
            1
        } else {
            length::of_split(job, run, spans::count(&todo), helpers)
        };
        let span = Span {
            lo: first.lo,
            hi: first.hi.min(run.hi).min(first.lo.saturating_add(length)),
        };
        match job.split {
            Split::Never => spans::remove(&mut todo, run),
            Split::Free | Split::Costly => spans::remove(&mut todo, span),
        }
        slots.take(node);
        choices.push(Choice::Frames {
            job: id,
            node,
            span,
            speculative: false,
        });
        if waits_for_canary {
            break;
        }
    }
    if waits_for_canary {
        sound::decide(snapshot, id, job, now, slots, choices);
    }
}

/// The consecutive display frames that an ordinal is one of.
fn run_of(job: &Job, ordinal: u32) -> Span {
    let index = job.runs.partition_point(|run| run.span.hi <= ordinal);
    job.runs.get(index).map_or(
        Span {
            lo: ordinal,
            hi: u32::MAX,
        },
        |run| run.span,
    )
}

/// Nodes with a free slot that are not kept away from the job.
pub(super) fn candidates<'a>(
    snapshot: &'a Snapshot,
    job: &'a Job,
    now: Instant,
    slots: &'a Slots,
) -> impl Iterator<Item = (NodeId, &'a super::Node)> {
    slots
        .0
        .keys()
        .filter(move |id| job.avoid.get(id).is_none_or(|until| *until <= now))
        .filter_map(|id| Some((*id, snapshot.nodes.get(id)?)))
}

fn assembly(
    snapshot: &Snapshot,
    id: JobId,
    job: &Job,
    now: Instant,
    slots: &mut Slots,
    choices: &mut Vec<Choice>,
) {
    if snapshot.at_work(job, LeaseWork::Assemble) {
        return;
    }
    let best = candidates(snapshot, job, now, slots)
        .filter(|(_, node)| node.can_assemble)
        .max_by_key(|(id, _)| {
            (
                job.frames_by_node.get(id).copied().unwrap_or(0),
                Reverse(*id),
            )
        });
    if let Some((node, _)) = best {
        slots.take(node);
        choices.push(Choice::Assemble { job: id, node });
    }
}

/// Second copies of what silent nodes hold and have not shown: exactly those frames.
fn copies(snapshot: &Snapshot, now: Instant, slots: &mut Slots, choices: &mut Vec<Choice>) {
    let mut silent: Vec<&Lease> = snapshot
        .leases
        .values()
        .filter(|lease| {
            matches!(
                lease.work,
                LeaseWork::Frames {
                    speculative: false,
                    ..
                }
            )
        })
        .filter(|lease| {
            snapshot
                .nodes
                .get(&lease.node)
                .is_some_and(|n| n.link == Link::Silent)
        })
        .collect();
    silent.sort_by_key(|lease| lease.key.attempt);
    for lease in silent {
        let Some(job) = snapshot.jobs.get(&lease.job) else {
            continue;
        };
        if !matches!(job.state, JobState::Queued | JobState::Running) {
            continue;
        }
        if job.split == Split::Never {
            continue;
        }
        let release = fit::release(snapshot, job);
        for span in uncopied(snapshot, job, lease) {
            let Some(node) = fit::renderer(snapshot, job, release, now, slots) else {
                break;
            };
            slots.take(node);
            choices.push(Choice::Frames {
                job: lease.job,
                node,
                span,
                speculative: true,
            });
        }
    }
}

fn uncopied(snapshot: &Snapshot, job: &Job, lease: &Lease) -> Vec<Span> {
    let mut rest = snapshot.unpublished(lease);
    for held in &job.leases {
        match snapshot.leases.get(held).map(|other| other.work) {
            Some(LeaseWork::Frames {
                span,
                speculative: true,
            }) => spans::remove(&mut rest, span),
            Some(
                LeaseWork::Frames {
                    speculative: false, ..
                }
                | LeaseWork::Repair { .. }
                | LeaseWork::Assemble
                | LeaseWork::Snapshot
                | LeaseWork::Prepare
                | LeaseWork::Sound,
            )
            | None => {}
        }
    }
    rest
}

/// Idle slots that nothing was found for: the frame job with most left gives up its second half, when that pays a start.
fn help(
    snapshot: &Snapshot,
    jobs: &[(&JobId, &Job)],
    now: Instant,
    slots: &Slots,
    choices: &mut Vec<Choice>,
) {
    let mut idle: u32 = slots.0.values().sum();
    for (_, job) in jobs {
        if idle == 0 {
            return;
        }
        let Some(cost) = job.cost else { continue };
        let release = fit::release(snapshot, job);
        if job.state != JobState::Running
            || job.split != Split::Free
            || fit::renderer(snapshot, job, release, now, slots).is_none()
        {
            continue;
        }
        let longest = job
            .leases
            .iter()
            .filter_map(|held| snapshot.leases.get(held))
            .filter(|lease| !lease.shrinking && !lease.stopping)
            .filter(|lease| {
                matches!(
                    lease.work,
                    LeaseWork::Frames {
                        speculative: false,
                        ..
                    }
                )
            })
            .filter(|lease| {
                snapshot
                    .nodes
                    .get(&lease.node)
                    .is_some_and(|n| n.link == Link::Online)
            })
            .filter_map(|lease| Some((snapshot.unpublished(lease).last().copied()?, lease)))
            .max_by_key(|(rest, lease)| (rest.len(), lease.key.attempt));
        if let Some((rest, lease)) = longest {
            let half = rest.len() / 2;
            if half >= 2 && f64::from(half) * cost.frame_ms > 2.0 * cost.startup_ms {
                choices.push(Choice::Shrink {
                    attempt: lease.key.attempt,
                    until: rest.hi - half,
                });
                idle -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};
    use std::time::Duration;

    use flatrender_protocol::message::LeaseKey;
    use flatrender_protocol::state::{Health, Policy};
    use flatrender_protocol::{Digest, FrameList, Release};

    use super::*;
    use crate::plan::{Cost, Node};

    const RELEASE: Release = Release {
        major: 25,
        minor: 2,
    };

    #[expect(
        clippy::disallowed_methods,
        reason = "`Instant` has no other origin; what is decided depends on differences only"
    )]
    fn now() -> Instant {
        Instant::now()
    }

    fn node(snapshot: &mut Snapshot, name: &str) -> NodeId {
        let id = NodeId::new();
        let node = Node {
            name: name.to_owned(),
            policy: Policy::Active,
            health: Health::Ok,
            link: Link::Online,
            reachable: true,
            slots: 1,
            can_render: true,
            renderers: vec!["25.2x26".to_owned()],
            can_assemble: true,
            can_prepare: true,
            release: Some(RELEASE),
            cache: HashSet::new(),
            leases: Vec::new(),
        };
        snapshot.nodes.insert(id, node);
        id
    }

    fn job(snapshot: &mut Snapshot, frames: &str) -> JobId {
        let id = JobId::new();
        let list = FrameList::parse(frames).unwrap();
        let job = Job {
            state: JobState::Queued,
            priority: 50,
            needs: vec![Digest::of(frames.as_bytes())],
            prepare: None,
            wants_sound: false,
            split: Split::Free,
            pin: None,
            total: list.len(),
            runs: list.runs(),
            todo: vec![Span {
                lo: 0,
                hi: list.len(),
            }],
            published: Vec::new(),
            canary: false,
            cost: None,
            avoid: HashMap::new(),
            frames_by_node: HashMap::new(),
            leases: Vec::new(),
        };
        snapshot.jobs.insert(id, job);
        id
    }

    fn hold(snapshot: &mut Snapshot, job: JobId, node: NodeId, lo: u32, hi: u32) -> AttemptId {
        let attempt = AttemptId::new();
        let key = LeaseKey { attempt, epoch: 1 };
        let work = LeaseWork::Frames {
            span: Span { lo, hi },
            speculative: false,
        };
        snapshot.hold(Lease {
            key,
            job,
            node,
            work,
            shrinking: false,
            stopping: false,
        });
        attempt
    }

    #[test]
    fn every_idle_node_gets_something_and_no_ordinal_twice() {
        let mut snapshot = Snapshot::default();
        let nodes: Vec<NodeId> = ["a", "b", "c"].map(|name| node(&mut snapshot, name)).into();
        job(&mut snapshot, "0-99");
        let mut seen = Vec::new();
        let mut at = HashSet::new();
        for choice in decide(&snapshot, now()) {
            let Choice::Frames {
                node,
                span,
                speculative: false,
                ..
            } = choice
            else {
                panic!("{choice:?}")
            };
            assert_eq!(spans::missing(&seen, span), [span], "leased once");
            spans::add(&mut seen, span);
            at.insert(node);
        }
        assert_eq!(at.len(), nodes.len());
    }

    #[test]
    fn higher_priority_first_then_age() {
        let mut snapshot = Snapshot::default();
        node(&mut snapshot, "only");
        let old = job(&mut snapshot, "0-9");
        let urgent = job(&mut snapshot, "0-9");
        let first = |snapshot: &Snapshot| match decide(snapshot, now()).first() {
            Some(Choice::Frames { job, .. }) => *job,
            other => panic!("{other:?}"),
        };
        assert_eq!(first(&snapshot), old);
        snapshot.jobs.get_mut(&urgent).unwrap().priority = 51;
        assert_eq!(first(&snapshot), urgent);
    }

    #[test]
    fn a_warm_cache_is_preferred_and_a_failed_node_avoided() {
        let mut snapshot = Snapshot::default();
        let (cold, warm) = (node(&mut snapshot, "cold"), node(&mut snapshot, "warm"));
        let id = job(&mut snapshot, "0");
        let project = snapshot.jobs[&id].needs[0];
        snapshot.nodes.get_mut(&warm).unwrap().cache.insert(project);
        let now = now();
        let chosen = |snapshot: &Snapshot| match decide(snapshot, now).as_slice() {
            [Choice::Frames { node, .. }] => Some(*node),
            [] => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(chosen(&snapshot), Some(warm));
        let later = now + Duration::from_secs(1);
        snapshot
            .jobs
            .get_mut(&id)
            .unwrap()
            .avoid
            .insert(warm, later);
        assert_eq!(chosen(&snapshot), Some(cold));
        snapshot.nodes.get_mut(&cold).unwrap().policy = Policy::Cordoned;
        assert_eq!(
            chosen(&snapshot),
            None,
            "it waits rather than go back at once"
        );
    }

    #[test]
    fn a_frame_job_never_crosses_a_gap() {
        let mut snapshot = Snapshot::default();
        for name in ["a", "b", "c"] {
            node(&mut snapshot, name);
        }
        job(&mut snapshot, "0-2,10,20-21");
        for choice in decide(&snapshot, now()) {
            let Choice::Frames { span, .. } = choice else {
                panic!("{choice:?}")
            };
            assert!(
                [(0, 3), (3, 4), (4, 6)]
                    .iter()
                    .any(|(lo, hi)| *lo <= span.lo && span.hi <= *hi)
            );
        }
    }

    #[test]
    fn copies_are_of_exactly_what_a_silent_node_has_not_shown() {
        let mut snapshot = Snapshot::default();
        let (silent, idle) = (node(&mut snapshot, "silent"), node(&mut snapshot, "idle"));
        let id = job(&mut snapshot, "0-9");
        hold(&mut snapshot, id, silent, 0, 10);
        let job = snapshot.jobs.get_mut(&id).unwrap();
        job.state = JobState::Running;
        job.published = vec![Span { lo: 0, hi: 4 }];
        assert_eq!(decide(&snapshot, now()), [], "nothing while it is online");
        snapshot.nodes.get_mut(&silent).unwrap().link = Link::Silent;
        let copy = Choice::Frames {
            job: id,
            node: idle,
            span: Span { lo: 4, hi: 10 },
            speculative: true,
        };
        assert_eq!(decide(&snapshot, now()), [copy]);
        snapshot.no_copies_until = Some(now() + Duration::from_secs(9));
        assert_eq!(decide(&snapshot, now()), [], "it is the network");
    }

    #[test]
    fn an_idle_node_helps_only_where_a_start_pays() {
        let mut snapshot = Snapshot::default();
        let (busy, _idle) = (node(&mut snapshot, "busy"), node(&mut snapshot, "idle"));
        let id = job(&mut snapshot, "0-99");
        let attempt = hold(&mut snapshot, id, busy, 0, 100);
        let job = snapshot.jobs.get_mut(&id).unwrap();
        job.state = JobState::Running;
        job.published = vec![Span { lo: 0, hi: 40 }];
        job.cost = Some(Cost {
            startup_ms: 10.0,
            frame_ms: 1_000.0,
        });
        assert_eq!(
            decide(&snapshot, now()),
            [Choice::Shrink { attempt, until: 70 }]
        );
        snapshot.jobs.get_mut(&id).unwrap().cost = Some(Cost {
            startup_ms: 60_000.0,
            frame_ms: 1_000.0,
        });
        assert_eq!(decide(&snapshot, now()), []);
        snapshot.leases.get_mut(&attempt).unwrap().shrinking = true;
        snapshot.jobs.get_mut(&id).unwrap().cost = Some(Cost {
            startup_ms: 10.0,
            frame_ms: 1_000.0,
        });
        assert_eq!(decide(&snapshot, now()), [], "asked once");
    }

    #[test]
    fn the_film_goes_where_most_frames_are() {
        let mut snapshot = Snapshot::default();
        let (few, many) = (node(&mut snapshot, "few"), node(&mut snapshot, "many"));
        let id = job(&mut snapshot, "0-9");
        let job = snapshot.jobs.get_mut(&id).unwrap();
        job.state = JobState::Assembling;
        job.todo.clear();
        job.frames_by_node = HashMap::from([(few, 3), (many, 7)]);
        assert_eq!(
            decide(&snapshot, now()),
            [Choice::Assemble {
                job: id,
                node: many
            }]
        );
        snapshot.nodes.get_mut(&many).unwrap().can_assemble = false;
        assert_eq!(
            decide(&snapshot, now()),
            [Choice::Assemble { job: id, node: few }]
        );
    }
}
