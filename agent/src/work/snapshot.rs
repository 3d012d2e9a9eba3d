//! A snapshot: one frame, rendered and checked as frames of films are, then scaled and encoded for people, and handed over.
//! The frame stays in the attempt's folder until the picture is durable at the controller: an agent that was killed in
//! between goes on from there.

use std::path::Path;

use flatrender_preview::{Pixels, PreviewError, scaled};
use flatrender_protocol::message::{
    BlobRef, Ending, FramesWork, Made, OutcomeClass, PictureFormat, Report, SnapshotReport,
    SnapshotWork,
};
use flatrender_protocol::{Digest, Span};

use super::attempt::Desk;
use super::fetch::Failure;
use super::hand_over::hand_over;
use super::journal::JournalError;
use super::{Uplink, durable, render};
use crate::frame::{Expect, NotAFrame, unpack};
use crate::in_words;

/// Why a right frame gave no picture.
#[derive(Debug, thiserror::Error)]
enum NoPicture {
    #[error("read the frame")]
    Read(#[source] std::io::Error),
    #[error("decode the frame")]
    Decode(#[from] NotAFrame),
    #[error("make the picture")]
    Make(#[from] PreviewError),
    #[error("keep the picture")]
    Keep(#[source] std::io::Error),
}

/// Renders and hands over; the report, or `None` when the agent leaves and the renderer goes on.
pub(super) async fn snapshot<U: Uplink>(
    desk: &mut Desk<U>,
    work: SnapshotWork,
) -> Result<Option<Report>, JournalError> {
    if desk.journal.frame().exists() {
        desk.journal.handed(0);
    }
    let Some(report) = render::render(desk, one_frame(&work)).await? else {
        return Ok(None);
    };
    if report.ending != Ending::Succeeded {
        return Ok(Some(report));
    }
    let (frame, file) = (desk.journal.frame(), desk.journal.folder().join("picture"));
    let size = work.size;
    let making = {
        let file = file.clone();
        tokio::task::spawn_blocking(move || make(&frame, &file, &work))
    };
    let made = match desk.attend(making).await {
        None => return Ok(stopped(desk)),
        Some(Ok(made)) => made.map_err(|error| Failure::node(&error)),
        Some(Err(died)) => Err(Failure {
            class: OutcomeClass::Node,
            message: format!("making the picture failed: {}", in_words(&died)),
        }),
    };
    let handed = match &made {
        Err(_) => None,
        Ok(blob) => match hand_over(desk, "picture", blob, &file).await {
            None => return Ok(stopped(desk)),
            Some(handed) => handed.err(),
        },
    };
    Ok(Some(match (made, handed) {
        (Ok(blob), None) => Report {
            made: Some(Made::Snapshot(SnapshotReport {
                blob,
                width: size.0,
                height: size.1,
            })),
            ..report
        },
        (Err(failure), _) | (Ok(_), Some(failure)) => Report {
            ending: Ending::Failed,
            class: failure.class,
            message: crate::aerender::cut(failure.message),
            ..report
        },
    }))
}

fn stopped<U: Uplink>(desk: &Desk<U>) -> Option<Report> {
    (!desk.leaving).then(|| desk.stopped_report())
}

/// What a renderer is told: a frame job of one frame, whose ordinal is 0.
fn one_frame(work: &SnapshotWork) -> FramesWork {
    FramesWork {
        source: work.source.clone(),
        composition: work.composition.clone(),
        span: Span { lo: 0, hi: 1 },
        first_display: work.display,
        width: work.frame.0,
        height: work.frame.1,
        output_template: work.output_template.clone(),
        settings_template: work.settings_template.clone(),
    }
}

/// From the renderer's file to the picture's.
fn make(frame: &Path, file: &Path, work: &SnapshotWork) -> Result<BlobRef, NoPicture> {
    let expect = Expect {
        width: work.frame.0,
        height: work.frame.1,
    };
    let bytes = std::fs::read(frame).map_err(NoPicture::Read)?;
    let decoded = unpack(&bytes, &expect)?;
    let pixels = Pixels::new(decoded.width, decoded.height, decoded.rgba)?;
    let pixels = scaled(&pixels, work.size.0, work.size.1)?;
    let picture = match work.format {
        PictureFormat::Png => pixels.to_png()?,
        PictureFormat::Jpeg => pixels.to_jpeg(work.background)?,
    };
    durable::write(file, &[&picture]).map_err(NoPicture::Keep)?;
    Ok(BlobRef {
        digest: Digest::of(&picture),
        bytes: picture.len() as u64,
    })
}
