//! Somebody wants to see one frame. The same wish is rendered once, however many have it at the same time and however
//! often it comes back: its key is a digest of all that changes the picture, and the database keeps one row a key.

use std::time::Duration;

use flatrender_aep::{CompError, Composition, Project};
use flatrender_protocol::message::PictureFormat;
use flatrender_protocol::rest::{SnapshotSpec, SnapshotView};
use flatrender_protocol::state::SnapshotState;
use flatrender_protocol::{Digest, Ratio, SnapshotId, Source, TenantId};
use time::OffsetDateTime;

use super::submit::{SubmitError, Template, Wrong, footage, ratio};
use super::views::rfc3339;
use super::{Farm, Input};
use crate::store::events::{self, NewEvent, Who};
use crate::store::snapshots::{self, ANY_RENDERER, Evicted, SnapshotRow, Which};
use crate::store::{self, StoreError, packages};

/// Longest side of a picture, in pixels.
const MAX_SIDE: u32 = 16_384;
/// Most pixels of a picture: 8K.
const MAX_PIXELS: u64 = 1 << 25;
/// What was used so lately is not evicted.
const IN_USE: Duration = Duration::from_secs(60);
/// How often those who wait look even though nobody rang: another controller may lead.
const LOOK: Duration = Duration::from_secs(1);

impl Farm {
    /// Asks for a snapshot, or says everything that is wrong with the wish. `true`: nobody had asked for it before.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn ask_for_snapshot(
        &self,
        tenant: TenantId,
        spec: SnapshotSpec,
    ) -> Result<(SnapshotView, bool), SubmitError> {
        let mut wrong = Wrong::default();
        let template = self.template(&spec.project, &mut wrong).await?;
        let wish = template
            .as_ref()
            .and_then(|template| Wish::of(template, &spec, &mut wrong));
        let (Some(template), Some(wish), true) = (template, wish, wrong.0.is_empty()) else {
            return Err(SubmitError::Invalid(wrong.0));
        };
        let mut row = wish.row(tenant, &template);
        if let Some(known) = self.snapshot_of_key(tenant, row.key).await? {
            return Ok((self.asked_before(known).await?, false));
        }
        let manifest =
            serde_json::to_value(flatrender_aep::truth_json(&template.project)).unwrap_or_default();
        let mut tx = store::begin(&self.worker).await?;
        let kept = packages::insert(&mut tx, &template.row, &manifest).await?;
        store::commit(tx).await?;
        row.source.stand_in(&template.row.blob, &kept);
        let mut tx = store::begin_tenant(&self.tenant, tenant).await?;
        let new = snapshots::ask(&mut tx, &row).await?;
        if new {
            events::write(&mut tx, &[asked(&row, None)]).await?;
        }
        store::commit(tx).await?;
        if new {
            self.news.notify_waiters();
            // The notification tells every controller; this one need not wait for it.
            self.inputs.try_send(Input::Wake).ok();
        }
        let found = self.snapshot_of_key(tenant, row.key).await?;
        let found = found.ok_or(StoreError::Unreadable {
            what: "the snapshot just asked for",
            value: row.id.to_string(),
        })?;
        if new {
            return Ok((view(found), true));
        }
        Ok((self.asked_before(found).await?, false))
    }

    /// One that failed long enough ago is tried again; any other counts as used.
    async fn asked_before(&self, row: SnapshotRow) -> Result<SnapshotView, StoreError> {
        let mut tx = store::begin(&self.worker).await?;
        let again =
            row.state == SnapshotState::Failed && snapshots::ask_again(&mut tx, row.id).await?;
        if again {
            events::write(&mut tx, &[asked(&row, Some(row.state))]).await?;
        } else {
            snapshots::used(&mut tx, row.id).await?;
        }
        store::commit(tx).await?;
        if !again {
            return Ok(view(row));
        }
        self.news.notify_waiters();
        self.inputs.try_send(Input::Wake).ok();
        let id = row.id;
        let found = self.snapshot_row(row.tenant, id).await?;
        found.map(view).ok_or(StoreError::Unreadable {
            what: "the snapshot just asked for again",
            value: id.to_string(),
        })
    }

    /// A snapshot of a tenant.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn snapshot(
        &self,
        tenant: TenantId,
        id: SnapshotId,
    ) -> Result<Option<SnapshotView>, StoreError> {
        Ok(self.snapshot_row(tenant, id).await?.map(view))
    }

    /// A snapshot of a tenant once it is over, or as it is after `wait`.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn snapshot_when_over(
        &self,
        tenant: TenantId,
        id: SnapshotId,
        wait: Duration,
    ) -> Result<Option<SnapshotView>, StoreError> {
        let deadline = tokio::time::sleep(wait);
        tokio::pin!(deadline);
        loop {
            // Registered before the look, so that what ends in between is heard.
            let rung = self.snapshots_over.notified();
            tokio::pin!(rung);
            rung.as_mut().enable();
            let found = self.snapshot(tenant, id).await?;
            if found.as_ref().is_none_or(|found| found.state.is_over()) {
                return Ok(found);
            }
            tokio::select! {
                () = &mut deadline => return Ok(found),
                () = &mut rung => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Notes that a snapshot's picture was fetched.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn snapshot_fetched(&self, id: SnapshotId) -> Result<(), StoreError> {
        let mut tx = store::begin(&self.worker).await?;
        snapshots::fetched(&mut tx, id).await?;
        store::commit(tx).await
    }

    /// Forgets a snapshot whose picture is not in the store any more: the next request renders it again.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn forget_snapshot(&self, id: SnapshotId, picture: Digest) -> Result<(), StoreError> {
        let mut tx = store::begin(&self.worker).await?;
        snapshots::forget(&mut tx, id, picture).await?;
        store::commit(tx).await
    }

    /// Removes snapshots that nobody has used for long, and the longest unused ones beyond the store's share of them.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn evict_snapshots(&self) -> Result<Evicted, StoreError> {
        let hours = self.settings.snapshots_unused_hours;
        let unused = Duration::from_secs(hours.saturating_mul(3600));
        let most = self.settings.snapshots_most_mib.saturating_mul(1 << 20);
        let mut tx = store::begin(&self.worker).await?;
        let evicted = snapshots::evict(&mut tx, unused, most, IN_USE).await?;
        store::commit(tx).await?;
        Ok(evicted)
    }

    async fn snapshot_row(
        &self,
        tenant: TenantId,
        id: SnapshotId,
    ) -> Result<Option<SnapshotRow>, StoreError> {
        self.read_snapshot(tenant, Which::Id(tenant, id)).await
    }

    async fn snapshot_of_key(
        &self,
        tenant: TenantId,
        key: Digest,
    ) -> Result<Option<SnapshotRow>, StoreError> {
        self.read_snapshot(tenant, Which::Key(tenant, key)).await
    }

    async fn read_snapshot(
        &self,
        tenant: TenantId,
        which: Which,
    ) -> Result<Option<SnapshotRow>, StoreError> {
        let mut tx = store::begin_tenant(&self.tenant, tenant).await?;
        let rows = snapshots::read(&mut tx, which).await?;
        store::commit(tx).await?;
        Ok(rows.into_iter().next())
    }
}

fn asked(row: &SnapshotRow, from: Option<SnapshotState>) -> NewEvent {
    NewEvent {
        tenant: row.tenant,
        subject: "snapshot",
        job: Some(row.id.into()),
        node: None,
        attempt: None,
        from: from.map(SnapshotState::as_str),
        to: SnapshotState::Queued.as_str(),
        who: Who::Operator,
        why: None,
    }
}

/// A wish that can be granted, as far as the project tells.
struct Wish {
    composition: String,
    display: i32,
    frame: (u32, u32),
    size: (u32, u32),
    format: PictureFormat,
    background: [u8; 3],
    renderer: String,
}

impl Wish {
    fn of(template: &Template, spec: &SnapshotSpec, wrong: &mut Wrong) -> Option<Self> {
        let project = &template.project;
        if template.has_links() {
            let detail = "the package has links, which only a prepared project follows; collect it again so that its footage lies beside the project";
            wrong.say("/project", "links", detail);
        }
        let comp = match project.comp(&spec.composition) {
            Ok(comp) => comp,
            Err(error @ CompError::NotFound { .. }) => {
                wrong.say("/composition", "not_found", error.to_string());
                return None;
            }
        };
        footage(template, &project.needs(comp).footage, wrong);
        let display = display(project, comp, spec.frame, wrong);
        let frame = (u32::from(comp.width), u32::from(comp.height));
        let aspect = ratio(comp.pixel_aspect).unwrap_or(Ratio::ONE);
        let size = size(frame, aspect, spec.width, spec.height, wrong);
        let renderer = spec.renderer.clone().unwrap_or(ANY_RENDERER.to_owned());
        let length = renderer.chars().count();
        if !(1..=100).contains(&length) || renderer.chars().any(char::is_control) {
            let detail = "a version has 1 to 100 characters, as nodes show theirs";
            wrong.say("/renderer", "malformed", detail);
        }
        Some(Self {
            composition: spec.composition.clone(),
            display: display?,
            frame,
            size: size?,
            format: spec.format.unwrap_or(PictureFormat::Png),
            background: comp.background,
            renderer,
        })
    }

    fn row(self, tenant: TenantId, template: &Template) -> SnapshotRow {
        let source = template.source();
        SnapshotRow {
            id: SnapshotId::new(),
            tenant,
            key: self.key(tenant, &source),
            package: template.row.digest,
            source,
            composition: self.composition,
            display: self.display,
            frame: self.frame,
            size: self.size,
            format: self.format,
            background: self.background,
            renderer: self.renderer,
            state: SnapshotState::Queued,
            attempts: 0,
            failed_nodes: Vec::new(),
            rounds: 0,
            blob: None,
            hits: 0,
            error: None,
            retry_at: None,
            created_at: OffsetDateTime::now_utc(),
        }
    }

    /// Names all that changes the picture. What the source says itself (the composition's size, its background) is in
    /// the source's digest.
    fn key(&self, tenant: TenantId, source: &Source) -> Digest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"flatrender snapshot 1\n");
        hasher.update(tenant.0.as_bytes());
        hasher.update(&source.digest().0);
        let mut text = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        text(&self.composition);
        text(self.format.as_str());
        text(&self.renderer);
        hasher.update(&self.display.to_le_bytes());
        hasher.update(&self.size.0.to_le_bytes());
        hasher.update(&self.size.1.to_le_bytes());
        hasher.finalize().into()
    }
}

fn display(project: &Project, comp: &Composition, frame: i64, wrong: &mut Wrong) -> Option<i32> {
    let first = project.first_display_frame(comp);
    let last = first + i64::from(comp.frames) - 1;
    let inside = (first..=last).contains(&frame);
    let display = i32::try_from(frame).ok().filter(|_| inside);
    if display.is_none() {
        let detail = format!(
            "frame {frame} is outside the composition, whose frames are {first} to {last} as After Effects shows them"
        );
        wrong.say("/frame", "out_of_range", detail);
    }
    display
}

/// The size of the picture: what is asked for; one side from the other; or the composition's with square pixels.
fn size(
    (width, height): (u32, u32),
    aspect: Ratio,
    wide: Option<u32>,
    high: Option<u32>,
    wrong: &mut Wrong,
) -> Option<(u32, u32)> {
    let before = wrong.0.len();
    for (pointer, side) in [("/width", wide), ("/height", high)] {
        if side.is_some_and(|side| !(1..=MAX_SIDE).contains(&side)) {
            let detail = format!("{} is not 1 to {MAX_SIDE} pixels", side.unwrap_or_default());
            wrong.say(pointer, "out_of_range", detail);
        }
    }
    if width == 0 || height == 0 {
        let detail = format!("the composition is {width} × {height}; it has no picture");
        wrong.say("/composition", "bad_size", detail);
    }
    if wrong.0.len() > before {
        return None;
    }
    // In square pixels; products of three 32-bit numbers at most.
    let shown = u128::from(width) * u128::from(aspect.num);
    let tall = u128::from(height) * u128::from(aspect.den);
    let of = |side: u32, over: u128, under: u128| {
        let scaled = (u128::from(side) * over + under / 2) / under;
        u32::try_from(scaled.max(1)).unwrap_or(u32::MAX)
    };
    let size = match (wide, high) {
        (Some(wide), Some(high)) => (wide, high),
        (Some(wide), None) => (wide, of(wide, tall, shown)),
        (None, Some(high)) => (of(high, shown, tall), high),
        (None, None) => (of(height, shown, tall), height),
    };
    let pixels = u64::from(size.0) * u64::from(size.1);
    if size.0.max(size.1) > MAX_SIDE || pixels > MAX_PIXELS {
        let detail = format!(
            "the picture would be {} × {}; at most {MAX_SIDE} a side and {MAX_PIXELS} pixels are made: ask for a smaller width",
            size.0, size.1
        );
        wrong.say("/width", "out_of_range", detail);
        return None;
    }
    Some(size)
}

fn view(row: SnapshotRow) -> SnapshotView {
    SnapshotView {
        id: row.id,
        state: row.state,
        composition: row.composition,
        frame: i64::from(row.display),
        width: row.size.0,
        height: row.size.1,
        format: row.format,
        renderer: row.renderer,
        digest: row.blob.as_ref().map(|blob| blob.digest),
        bytes: row.blob.as_ref().map(|blob| blob.bytes),
        attempts: row.attempts,
        hits: row.hits,
        error: row.error,
        again_at: row.retry_at.map(rfc3339),
        created_at: rfc3339(row.created_at),
    }
}

#[cfg(test)]
mod tests {
    use flatrender_protocol::message::BlobRef;

    use super::*;

    fn wish() -> Wish {
        Wish {
            composition: "Main".to_owned(),
            display: 3,
            frame: (64, 36),
            size: (64, 36),
            format: PictureFormat::Png,
            background: [0; 3],
            renderer: ANY_RENDERER.to_owned(),
        }
    }

    fn source(name: &str, bytes: &[u8]) -> Source {
        let blob = BlobRef {
            digest: Digest::of(bytes),
            bytes: bytes.len() as u64,
        };
        Source::bare(blob, name)
    }

    #[test]
    fn every_field_changes_the_key_and_nothing_else_does() {
        let tenant = TenantId::DEFAULT;
        let plain = source("a.aep", b"a");
        let key = |change: fn(&mut Wish)| {
            let mut wish = wish();
            change(&mut wish);
            wish.key(tenant, &plain)
        };
        let same = key(|_| {});
        assert_eq!(same, wish().key(tenant, &plain));
        let mut keys = vec![
            same,
            key(|wish| wish.composition = "Main 2".to_owned()),
            key(|wish| wish.display = 4),
            key(|wish| wish.size.0 = 32),
            key(|wish| wish.size.1 = 18),
            key(|wish| wish.size = (36, 64)),
            key(|wish| wish.format = PictureFormat::Jpeg),
            key(|wish| wish.renderer = "25.2x26".to_owned()),
            wish().key(TenantId::new(), &plain),
            wish().key(tenant, &source("b.aep", b"a")),
            wish().key(tenant, &source("a.aep", b"b")),
        ];
        let all = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), all);
    }

    #[test]
    fn sizes_follow_the_composition_in_square_pixels() {
        let asked = |frame, aspect, wide, high| {
            let mut wrong = Wrong::default();
            let size = size(frame, aspect, wide, high, &mut wrong);
            size.ok_or_else(|| wrong.0.into_iter().map(|it| it.pointer).collect::<Vec<_>>())
        };
        let square = Ratio::ONE;
        let wide_pixels = Ratio::new(64, 45).unwrap();
        for (frame, aspect, wide, high, expected) in [
            ((1920, 1080), square, None, None, (1920, 1080)),
            ((1920, 1080), square, Some(480), None, (480, 270)),
            ((1920, 1080), square, None, Some(90), (160, 90)),
            ((1920, 1080), square, Some(100), Some(100), (100, 100)),
            ((720, 576), wide_pixels, None, None, (1024, 576)),
            ((720, 576), wide_pixels, Some(512), None, (512, 288)),
            ((16_000, 1), square, Some(4), None, (4, 1)),
        ] {
            assert_eq!(asked(frame, aspect, wide, high), Ok(expected), "{frame:?}");
        }
        for (frame, wide, high, pointer) in [
            ((1920, 1080), Some(0), None, "/width"),
            ((1920, 1080), None, Some(20_000), "/height"),
            ((16_000, 16_000), None, None, "/width"),
            ((1, 10_000), Some(16_000), None, "/width"),
            ((0, 10), None, None, "/composition"),
        ] {
            let refused = asked(frame, square, wide, high);
            assert_eq!(refused, Err(vec![pointer.to_owned()]), "{frame:?}");
        }
    }
}
