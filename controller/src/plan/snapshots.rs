//! The lane of snapshots: somebody looks at the screen and waits, so that they go before the frames of films; but at most
//! a quarter of the slots (or one) renders them at a time, and where that one is all there is they take turns with
//! frames. However many are asked for, films go on.

use std::collections::HashSet;
use std::time::Instant;

use flatrender_protocol::state::JobState;
use flatrender_protocol::{JobId, NodeId};

use super::decide::{Choice, Slots};
use super::snapshot::{Asked, LeaseWork, Node, Snapshot};

/// One of so many slots may render snapshots while films wait.
const SHARE: u32 = 4;

/// Before the frames of films.
pub(super) fn first(
    snapshot: &Snapshot,
    now: Instant,
    slots: &mut Slots,
    choices: &mut Vec<Choice>,
) {
    let total = renderers(snapshot).map(|(_, node)| node.slots).sum::<u32>();
    // With one slot the share is everything: then frames, if any wait, have every other turn.
    if total > 1 || !snapshot.snapshot_was_last || !films_wait(snapshot) {
        choose(snapshot, now, share(total), slots, choices);
    }
}

/// After the frames of films: the slots that none of them took.
pub(super) fn rest(
    snapshot: &Snapshot,
    now: Instant,
    slots: &mut Slots,
    choices: &mut Vec<Choice>,
) {
    let most = if films_wait(snapshot) {
        share(renderers(snapshot).map(|(_, node)| node.slots).sum())
    } else {
        u32::MAX
    };
    choose(snapshot, now, most, slots, choices);
}

fn share(total: u32) -> u32 {
    (total / SHARE).max(1)
}

fn renderers(snapshot: &Snapshot) -> impl Iterator<Item = (NodeId, &Node)> {
    let nodes = snapshot.nodes.iter().map(|(id, node)| (*id, node));
    nodes.filter(|(_, node)| node.takes_work() && node.can_render)
}

/// Frames that nobody renders, or a film that nobody makes.
fn films_wait(snapshot: &Snapshot) -> bool {
    snapshot.jobs.values().any(|job| match job.state {
        JobState::Queued | JobState::Running => !job.todo.is_empty(),
        JobState::Assembling => job.leases.is_empty(),
        JobState::Preparing
        | JobState::Paused
        | JobState::Done
        | JobState::Cancelling
        | JobState::Cancelled
        | JobState::Failed => false,
    })
}

/// At most `most` at a time, those that run and those chosen before included.
fn choose(
    snapshot: &Snapshot,
    now: Instant,
    most: u32,
    slots: &mut Slots,
    choices: &mut Vec<Choice>,
) {
    let chosen: HashSet<JobId> = choices
        .iter()
        .filter_map(|choice| match choice {
            Choice::Snapshot { snapshot, .. } => Some(*snapshot),
            Choice::Frames { .. }
            | Choice::Repair(_)
            | Choice::Assemble { .. }
            | Choice::Prepare { .. }
            | Choice::Sound { .. }
            | Choice::Shrink { .. } => None,
        })
        .collect();
    let running = snapshot
        .leases
        .values()
        .filter(|lease| lease.work == LeaseWork::Snapshot);
    let busy = running.count() + chosen.len();
    let mut left = most.saturating_sub(u32::try_from(busy).unwrap_or(u32::MAX));
    for (id, asked) in &snapshot.snapshots {
        if left == 0 || slots.0.is_empty() {
            return;
        }
        if asked.lease.is_some() || chosen.contains(id) {
            continue;
        }
        if let Some(node) = node_for(snapshot, asked, now, slots) {
            slots.take(node);
            left -= 1;
            choices.push(Choice::Snapshot {
                snapshot: *id,
                node,
            });
        }
    }
}

/// The best node with a free slot: one that has not failed it, as long as there is any, free or not; then one that has
/// everything in its cache; then the least busy.
fn node_for(snapshot: &Snapshot, asked: &Asked, now: Instant, slots: &Slots) -> Option<NodeId> {
    let fits = |node: &Node| {
        let wanted = asked.renderer.as_ref();
        wanted.is_none_or(|wanted| node.renderers.contains(wanted))
    };
    let untried =
        renderers(snapshot).any(|(id, node)| fits(node) && !asked.failed_on.contains(&id));
    renderers(snapshot)
        .filter(|(id, node)| slots.0.contains_key(id) && fits(node))
        .filter(|(id, _)| !untried || !asked.failed_on.contains(id))
        .filter(|(id, _)| asked.avoid.get(id).is_none_or(|until| *until <= now))
        .min_by_key(|(id, node)| {
            let missing = asked.source.iter().filter(|it| !node.cache.contains(it));
            (missing.count(), node.leases.len(), *id)
        })
        .map(|(id, _)| id)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};
    use std::time::Duration;

    use flatrender_protocol::message::LeaseKey;
    use flatrender_protocol::state::{Health, Link, Policy};
    use flatrender_protocol::{AttemptId, Digest, FrameList, Span, Split};

    use super::*;
    use crate::plan::{Job, Lease, decide};

    #[expect(
        clippy::disallowed_methods,
        reason = "`Instant` has no other origin; what is decided depends on differences only"
    )]
    fn now() -> Instant {
        Instant::now()
    }

    fn farm(nodes: usize) -> (Snapshot, Vec<NodeId>) {
        let mut snapshot = Snapshot::default();
        let ids: Vec<NodeId> = (0..nodes).map(|_| NodeId::new()).collect();
        for id in &ids {
            let node = Node {
                name: "a".to_owned(),
                policy: Policy::Active,
                health: Health::Ok,
                link: Link::Online,
                reachable: true,
                slots: 1,
                can_render: true,
                renderers: vec!["25.2x26".to_owned()],
                can_assemble: true,
                can_prepare: true,
                release: None,
                cache: HashSet::new(),
                leases: Vec::new(),
            };
            snapshot.nodes.insert(*id, node);
        }
        (snapshot, ids)
    }

    fn ask(snapshot: &mut Snapshot, count: usize) -> Vec<JobId> {
        let ids: Vec<JobId> = (0..count).map(|_| JobId::new()).collect();
        for id in &ids {
            snapshot.snapshots.insert(*id, Asked::default());
        }
        ids
    }

    fn film(snapshot: &mut Snapshot) {
        let list = FrameList::parse("0-999").unwrap();
        let job = Job {
            state: JobState::Queued,
            priority: 100,
            needs: vec![Digest::of(b"film")],
            prepare: None,
            wants_sound: false,
            split: Split::Free,
            pin: None,
            total: list.len(),
            runs: list.runs(),
            todo: vec![Span { lo: 0, hi: 1000 }],
            published: Vec::new(),
            canary: false,
            cost: None,
            avoid: HashMap::new(),
            frames_by_node: HashMap::new(),
            leases: Vec::new(),
        };
        snapshot.jobs.insert(JobId::new(), job);
    }

    /// Snapshots and films that were chosen.
    fn counted(choices: &[Choice]) -> (usize, usize) {
        let snapshots = choices
            .iter()
            .filter(|choice| matches!(choice, Choice::Snapshot { .. }));
        let films = choices
            .iter()
            .filter(|choice| matches!(choice, Choice::Frames { .. }));
        (snapshots.count(), films.count())
    }

    fn carry_out(snapshot: &mut Snapshot, choices: &[Choice]) {
        for choice in choices {
            let (job, node, work) = match choice {
                Choice::Snapshot { snapshot, node } => (*snapshot, *node, LeaseWork::Snapshot),
                Choice::Frames {
                    job,
                    node,
                    span,
                    speculative,
                } => {
                    let (span, speculative) = (*span, *speculative);
                    (*job, *node, LeaseWork::Frames { span, speculative })
                }
                Choice::Assemble { .. }
                | Choice::Repair(_)
                | Choice::Prepare { .. }
                | Choice::Sound { .. }
                | Choice::Shrink { .. } => continue,
            };
            snapshot.hold(Lease {
                key: LeaseKey {
                    attempt: AttemptId::new(),
                    epoch: 1,
                },
                job,
                node,
                work,
                shrinking: false,
                stopping: false,
            });
        }
    }

    #[test]
    fn a_flood_of_snapshots_goes_first_and_takes_a_quarter_of_the_slots() {
        let (mut snapshot, _) = farm(8);
        ask(&mut snapshot, 100);
        film(&mut snapshot);
        let choices = decide(&snapshot, now());
        assert_eq!(counted(&choices), (2, 6), "{choices:?}");
        assert!(matches!(choices[0], Choice::Snapshot { .. }));
        carry_out(&mut snapshot, &choices);
        assert_eq!(counted(&decide(&snapshot, now())), (0, 0));
    }

    #[test]
    fn without_films_every_slot_renders_snapshots_and_none_twice() {
        let (mut snapshot, nodes) = farm(3);
        ask(&mut snapshot, 5);
        let choices = decide(&snapshot, now());
        let chosen: BTreeMap<JobId, NodeId> = choices
            .iter()
            .map(|choice| match choice {
                Choice::Snapshot { snapshot, node } => (*snapshot, *node),
                other => panic!("{other:?}"),
            })
            .collect();
        let at: HashSet<NodeId> = chosen.values().copied().collect();
        assert_eq!((chosen.len(), at.len()), (3, nodes.len()));
    }

    #[test]
    fn on_a_farm_with_one_slot_films_have_every_other_turn() {
        let (mut snapshot, _) = farm(1);
        ask(&mut snapshot, 10);
        film(&mut snapshot);
        let mut turns = Vec::new();
        for _ in 0..6 {
            let choices = decide(&snapshot, now());
            turns.push(counted(&choices));
            carry_out(&mut snapshot, &choices);
            let held: Vec<_> = snapshot.leases.keys().copied().collect();
            for attempt in held {
                if let Some(lease) = snapshot.let_go(attempt) {
                    snapshot.snapshots.remove(&lease.job);
                }
            }
        }
        assert_eq!(turns, [(1, 0), (0, 1), (1, 0), (0, 1), (1, 0), (0, 1)]);
        // Making the film is a turn of films too.
        let job = snapshot.jobs.values_mut().next().unwrap();
        (job.state, job.todo) = (JobState::Assembling, Vec::new());
        snapshot.snapshot_was_last = true;
        let choices = decide(&snapshot, now());
        assert!(
            matches!(choices[..], [Choice::Assemble { .. }]),
            "{choices:?}"
        );
    }

    #[test]
    fn it_goes_elsewhere_first_and_back_to_the_only_node_after_a_pause() {
        let (mut snapshot, nodes) = farm(2);
        let id = ask(&mut snapshot, 1)[0];
        let now = now();
        let chosen = |snapshot: &Snapshot, at| match decide(snapshot, at).as_slice() {
            [Choice::Snapshot { node, .. }] => Some(*node),
            [] => None,
            other => panic!("{other:?}"),
        };
        let first = chosen(&snapshot, now).unwrap();
        let other = *nodes.iter().find(|node| **node != first).unwrap();
        let later = now + Duration::from_secs(5);
        let asked = snapshot.snapshots.get_mut(&id).unwrap();
        asked.failed_on.insert(first);
        asked.avoid.insert(first, later);
        assert_eq!(chosen(&snapshot, now), Some(other));
        snapshot.nodes.get_mut(&other).unwrap().slots = 0;
        assert_eq!(
            chosen(&snapshot, later),
            None,
            "the untried one is only busy"
        );
        snapshot.nodes.get_mut(&other).unwrap().policy = Policy::Cordoned;
        assert_eq!(chosen(&snapshot, now), None, "not at once");
        assert_eq!(chosen(&snapshot, later), Some(first));
    }

    #[test]
    fn a_pinned_renderer_is_waited_for_and_a_warm_cache_preferred() {
        let (mut snapshot, nodes) = farm(3);
        let id = ask(&mut snapshot, 1)[0];
        let source = Digest::of(b"project");
        let asked = snapshot.snapshots.get_mut(&id).unwrap();
        asked.source = vec![source];
        asked.renderer = Some("26.0x1".to_owned());
        assert_eq!(decide(&snapshot, now()), []);
        for node in &nodes[1..] {
            let node = snapshot.nodes.get_mut(node).unwrap();
            node.renderers.push("26.0x1".to_owned());
        }
        let warm = snapshot.nodes.get_mut(&nodes[2]).unwrap();
        warm.cache.insert(source);
        let choice = Choice::Snapshot {
            snapshot: id,
            node: nodes[2],
        };
        assert_eq!(decide(&snapshot, now()), [choice]);
    }
}
