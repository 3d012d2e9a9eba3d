//! The composition's own sound: leased beside the canary, kept for the film, which waits for it.

use std::sync::Arc;
use std::time::Instant;

use flatrender_protocol::message::{
    Lease as LeaseMessage, Made, OutcomeClass, Report, SoundReport, SoundWork, ToAgent, Work,
};
use flatrender_protocol::state::AttemptState;
use flatrender_protocol::{AttemptId, JobId, NodeId};

use super::Leader;
use super::lease::SETTINGS_TEMPLATE;
use super::report::end_of;
use crate::blobs::Area;
use crate::plan::{Lease, LeaseWork};
use crate::store::jobs::{self, OwnSound};
use crate::store::leases::{self, Kind};
use crate::store::{StoreError, commit, prepared};

/// The stock template for sound alone (`reference/aerender.md`).
const OUTPUT_TEMPLATE: &str = "AIFF 48kHz";

impl Leader {
    /// Leases the sound to a node. Answers whether it did.
    pub(super) async fn lease_sound(
        &mut self,
        id: JobId,
        node: NodeId,
    ) -> Result<bool, StoreError> {
        let Some(facts) = self.facts.get(&id) else {
            return Ok(false);
        };
        let row = facts.row.clone();
        let attempt = AttemptId::new();
        let mut tx = self.begin().await?;
        jobs::lock(&mut tx, &[id]).await?;
        let leased = leases::lease_whole(&mut tx, attempt, id, node, Kind::Sound).await?;
        let Some(leased) = leased else {
            commit(tx).await?;
            self.look = true;
            return Ok(false);
        };
        let why = "render the composition's own sound".to_owned();
        let event = self.lease_event(id, node, attempt, why);
        Self::write_events(&mut tx, &[event]).await?;
        commit(tx).await?;
        self.farm.news.notify_waiters();
        self.hold(Lease {
            key: leased.key,
            job: id,
            node,
            work: LeaseWork::Sound,
            shrinking: false,
            stopping: false,
        });
        let message = LeaseMessage {
            key: leased.key,
            job: id,
            job_name: row.name.clone(),
            work: Work::Sound(SoundWork {
                source: row.source.clone(),
                composition: row.composition.clone(),
                first_display: row.frames.first(),
                frames: row.frames.len(),
                rate: row.rate,
                output_template: OUTPUT_TEMPLATE.to_owned(),
                settings_template: SETTINGS_TEMPLATE.to_owned(),
            }),
        };
        self.send(node, ToAgent::Lease(Box::new(message)));
        Ok(true)
    }

    /// A sound was reported: it is kept when it is in the store and as long as the picture.
    pub(super) async fn sound_made(
        &mut self,
        lease: &Lease,
        mut report: Report,
        now: Instant,
    ) -> Result<(), StoreError> {
        let made = match &report.made {
            Some(Made::Sound(sound)) => Ok(sound.clone()),
            Some(Made::Film(_) | Made::Prepared(_) | Made::Snapshot(_)) | None => {
                Err("success was reported without a sound".to_owned())
            }
        };
        let checked = match made {
            Ok(sound) => match self.sound_wrong(lease.job, &sound).await {
                None => Ok(sound),
                Some(wrong) => Err(wrong),
            },
            Err(wrong) => Err(wrong),
        };
        let sound = match checked {
            Ok(sound) => sound,
            Err(message) => {
                report.class = OutcomeClass::Transient;
                report.message = message;
                return self.failed(lease.node, lease, &report, now).await;
            }
        };
        let mut tx = self.begin().await?;
        jobs::lock(&mut tx, &[lease.job]).await?;
        let live = leases::end(
            &mut tx,
            lease.key,
            AttemptState::Succeeded,
            &end_of(&report),
        )
        .await?;
        let kept = live && prepared::keep_sound(&mut tx, lease.job, &sound.blob).await?;
        if live {
            let event = self.ended_event(lease);
            Self::write_events(&mut tx, &[event]).await?;
        }
        commit(tx).await?;
        self.farm.news.notify_waiters();
        self.let_go(lease.key);
        self.node_failures.remove(&lease.node);
        if kept {
            if let Some(job) = self.snapshot.jobs.get_mut(&lease.job) {
                job.wants_sound = false;
            }
            if let Some(facts) = self.facts.get_mut(&lease.job) {
                Arc::make_mut(&mut facts.row).sound = OwnSound::Made(sound.blob);
            }
        }
        self.finish_cancelled().await
    }

    async fn sound_wrong(&self, id: JobId, sound: &SoundReport) -> Option<String> {
        let row = &self.facts.get(&id)?.row;
        let seconds = f64::from(row.frames.len()) / row.rate.as_f64();
        let frame = 1.0 / row.rate.as_f64();
        let (rate, channels) = (sound.rate, sound.channels);
        if !(8_000..=192_000).contains(&rate) || !(1..=8).contains(&channels) {
            return Some(format!(
                "the sound has {rate} samples a second in {channels} channels; 8,000 to 192,000 in 1 to 8 can be mixed"
            ));
        }
        let length = sound.samples as f64 / f64::from(rate);
        if (length - seconds).abs() > frame {
            return Some(format!(
                "the sound lasts {length:.3} s; the picture lasts {seconds:.3} s"
            ));
        }
        match self.farm.blobs.size(Area::Farm, sound.blob.digest).await {
            Ok(Some(bytes)) if bytes == sound.blob.bytes => None,
            Ok(_) => Some("the sound was reported, but is not in the store".to_owned()),
            Err(error) => Some(format!("the sound can't be found in the store: {error}")),
        }
    }
}
