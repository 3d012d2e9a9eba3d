//! Agents that come, go, and tell what they hold.

use std::collections::HashSet;
use std::time::Instant;

use flatrender_protocol::message::{Held, Inventory, LeaseKey, ToAgent, Verdict};
use flatrender_protocol::state::Link;
use flatrender_protocol::{Digest, NodeId, TenantId};

use super::{Leader, Session};
use crate::farm::SessionId;
use crate::store::events::{NewEvent, Who};
use crate::store::{StoreError, commit, jobs, leases, nodes};

impl Leader {
    pub(super) async fn joined(
        &mut self,
        node: NodeId,
        session: Session,
        now: Instant,
    ) -> Result<(), StoreError> {
        if self
            .sessions
            .get(&node)
            .is_some_and(|old| old.id > session.id)
        {
            return Ok(());
        }
        if !self.snapshot.nodes.contains_key(&node) {
            let mut tx = self.begin().await?;
            let rows = nodes::all(&mut tx).await?;
            commit(tx).await?;
            let Some(row) = rows.into_iter().find(|row| row.id == node) else {
                return Ok(());
            };
            self.know(row, now);
        }
        self.sessions.insert(node, session);
        self.heard_again(node, now).await
    }

    pub(super) fn left(&mut self, node: NodeId, session: SessionId) {
        if self.sessions.get(&node).is_some_and(|s| s.id == session) {
            self.sessions.remove(&node);
            if let Some(node) = self.snapshot.nodes.get_mut(&node) {
                node.reachable = false;
            }
        }
    }

    pub(super) async fn heard_again(
        &mut self,
        node: NodeId,
        now: Instant,
    ) -> Result<(), StoreError> {
        if let Some(heard) = self.heard.get(&node) {
            heard.note(now);
        }
        let before = self.link(node);
        if before != Link::Online {
            self.set_link(node, before, Link::Online, "heard").await?;
            self.watch.retain(|(_, watched)| *watched != node);
            self.watch
                .insert((now + self.farm.settings.silent_after(), node));
        }
        Ok(())
    }

    pub(super) async fn set_link(
        &mut self,
        id: NodeId,
        from: Link,
        to: Link,
        why: &str,
    ) -> Result<(), StoreError> {
        let Some(node) = self.snapshot.nodes.get_mut(&id) else {
            return Ok(());
        };
        node.link = to;
        tracing::info!(node = %id, name = node.name, from = from.as_str(), to = to.as_str(), why, "link");
        let event = NewEvent {
            tenant: TenantId::DEFAULT,
            subject: "node",
            job: None,
            node: Some(id),
            attempt: None,
            from: Some(from.as_str()),
            to: to.as_str(),
            who: Who::Clock,
            why: Some(why.to_owned()),
        };
        let mut tx = self.begin().await?;
        nodes::set_link(&mut tx, id, to).await?;
        Self::write_events(&mut tx, &[event]).await?;
        commit(tx).await?;
        self.farm.news.notify_waiters();
        Ok(())
    }

    pub(super) async fn inventory(
        &mut self,
        id: NodeId,
        inventory: Inventory,
    ) -> Result<(), StoreError> {
        let Some(session) = self.sessions.get(&id) else {
            return Ok(());
        };
        let mut tx = self.begin().await?;
        nodes::set_inventory(
            &mut tx,
            id,
            session.boot,
            &session.agent_version,
            &inventory,
        )
        .await?;
        commit(tx).await?;
        if let Some(node) = self.snapshot.nodes.get_mut(&id) {
            node.slots = inventory.slots.clamp(1, 64);
            node.can_render = !inventory.renderers.is_empty();
            node.can_assemble = inventory.can_assemble;
            node.can_prepare = inventory.can_prepare;
            node.release = super::load::release_of(&inventory.renderers);
            node.renderers = inventory.renderers;
        }
        self.may_work(id);
        Ok(())
    }

    /// A node gets work once it has said what it is and what it holds.
    fn may_work(&mut self, id: NodeId) {
        let told = self.sessions.get(&id).is_some_and(|session| session.told);
        if let Some(node) = self.snapshot.nodes.get_mut(&id) {
            node.reachable = told;
        }
    }

    /// Answers, lease by lease, what becomes of what an agent holds. What it does not hold any more although this farm
    /// thinks so was lost with its disk or its boot: that goes back, uncharged.
    pub(super) async fn holding(
        &mut self,
        node: NodeId,
        held: &[Held],
        now: Instant,
    ) -> Result<(), StoreError> {
        let verdicts: Vec<(LeaseKey, Verdict)> = held
            .iter()
            .map(|held| (held.lease, self.verdict(node, held)))
            .collect();
        let theirs: HashSet<LeaseKey> = held.iter().map(|held| held.lease).collect();
        let gone: Vec<LeaseKey> = self
            .snapshot
            .leases
            .values()
            .filter(|lease| lease.node == node && !theirs.contains(&lease.key))
            .map(|lease| lease.key)
            .collect();
        self.lose(&gone, "the agent no longer holds it", now)
            .await?;
        self.send(node, ToAgent::Verdicts(verdicts));
        if let Some(session) = self.sessions.get_mut(&node) {
            session.told = true;
        }
        self.may_work(node);
        Ok(())
    }

    fn verdict(&self, node: NodeId, held: &Held) -> Verdict {
        let Some(lease) = self.snapshot.leases.get(&held.lease.attempt) else {
            return Verdict::Drop;
        };
        if lease.key != held.lease || lease.node != node || lease.stopping {
            return Verdict::Drop;
        }
        match lease.span() {
            None => Verdict::Keep,
            // A finished one is told again and ends in order.
            Some(_) if held.ended => Verdict::Keep,
            Some(_) if self.unheld(lease).is_empty() => Verdict::Drop,
            Some(span) if held.until > span.hi => Verdict::ShrinkTo(span.hi),
            Some(span) => match self.unheld(lease).last() {
                Some(last) if last.hi < span.hi => Verdict::ShrinkTo(last.hi),
                _ => Verdict::Keep,
            },
        }
    }

    /// What of a lease is neither published nor being rendered as a copy elsewhere.
    fn unheld(&self, lease: &crate::plan::Lease) -> Vec<flatrender_protocol::Span> {
        use crate::plan::LeaseWork::{Assemble, Frames, Prepare, Repair, Snapshot, Sound};
        let mut rest = self.snapshot.unpublished(lease);
        for other in self
            .snapshot
            .leases
            .values()
            .filter(|other| other.job == lease.job)
        {
            match other.work {
                Frames {
                    span,
                    speculative: true,
                } if other.key != lease.key => {
                    crate::plan::spans::remove(&mut rest, span);
                }
                Frames { .. } | Repair { .. } | Assemble | Prepare | Sound | Snapshot => {}
            }
        }
        rest
    }

    pub(super) async fn cache(
        &mut self,
        id: NodeId,
        entries: &[(Digest, u64)],
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        nodes::set_cache(&mut tx, id, entries).await?;
        commit(tx).await?;
        if let Some(node) = self.snapshot.nodes.get_mut(&id) {
            node.cache = entries.iter().map(|(digest, _)| *digest).collect();
        }
        Ok(())
    }

    /// The holder agreed to end earlier: only now the rest may go to somebody else.
    pub(super) async fn shrunk(
        &mut self,
        node: NodeId,
        key: LeaseKey,
        until: u32,
    ) -> Result<(), StoreError> {
        let Some(lease) = self.snapshot.leases.get(&key.attempt) else {
            return Ok(());
        };
        if lease.key != key || lease.node != node {
            return Ok(());
        }
        let (job, span) = (lease.job, lease.span());
        let mut tx = self.begin().await?;
        jobs::lock(&mut tx, &[job]).await?;
        let back = leases::shrink(&mut tx, key, until).await?;
        commit(tx).await?;
        if let Some(lease) = self.snapshot.leases.get_mut(&key.attempt) {
            lease.shrinking = false;
            if let (crate::plan::LeaseWork::Frames { span: held, .. }, Some(span)) =
                (&mut lease.work, span)
                && until > span.lo
                && until < span.hi
            {
                held.hi = until;
            }
        }
        if let Some(job) = self.snapshot.jobs.get_mut(&job) {
            for span in back {
                crate::plan::spans::add(&mut job.todo, span);
            }
        }
        Ok(())
    }

    /// Samples become rows, in batches; a month without a partition costs samples, never a lease.
    pub(super) async fn write_samples(&mut self) -> Result<(), StoreError> {
        let samples = std::mem::take(&mut self.samples);
        if samples.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        match nodes::insert_samples(&mut tx, &samples).await {
            Ok(()) => commit(tx).await,
            Err(error) => {
                tracing::error!(
                    count = samples.len(),
                    error = &error as &dyn std::error::Error,
                    "health samples are lost"
                );
                Ok(())
            }
        }
    }
}
