//! Shared pieces of the tests: leases to work with, folders, waiting for a condition.

use std::time::{Duration, Instant};

use flatrender_protocol::message::{
    BlobRef, FilmWork, FrameHeader, FramesWork, Lease, LeaseKey, Measures, Packing, Work,
};
use flatrender_protocol::{AttemptId, Digest, JobId, Ratio, Source, Span};

/// Waits for `condition`, for at most `limit`.
pub async fn until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !condition() {
        assert!(Instant::now() < deadline, "waited {limit:?} for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub fn key() -> LeaseKey {
    LeaseKey {
        attempt: AttemptId::new(),
        epoch: 7,
    }
}

pub fn frames_lease(lo: u32, hi: u32, first_display: i64, project: &[u8]) -> Lease {
    Lease {
        key: key(),
        job: JobId::new(),
        job_name: "a job".into(),
        work: Work::Frames(FramesWork {
            source: Source::bare(
                BlobRef {
                    digest: Digest::of(project),
                    bytes: project.len() as u64,
                },
                "film.aep",
            ),
            composition: "Main".into(),
            span: Span::new(lo, hi).unwrap(),
            first_display,
            width: 64,
            height: 36,
            output_template: "TIFF Sequence with Alpha".into(),
            settings_template: "Best Settings".into(),
        }),
    }
}

pub fn frame(lease: LeaseKey, ordinal: u32, packed: &[u8]) -> FrameHeader {
    FrameHeader {
        lease,
        ordinal,
        blob: BlobRef {
            digest: Digest::of(packed),
            bytes: packed.len() as u64,
        },
        packing: Packing::ZstdTiff,
        pixels: Digest::of(b"pixels"),
        measures: Measures {
            width: 64,
            height: 36,
            bits: 8,
            alpha: true,
            mean_luma: 0.25,
            perceptual_hash: u64::MAX,
            ..Measures::default()
        },
        render_ms: 12,
        renderer: "25.2x26".into(),
    }
}

pub fn assembly_lease(manifest: BlobRef, frames: u32) -> Lease {
    Lease {
        key: key(),
        job: JobId::new(),
        job_name: "a film".into(),
        work: Work::Assemble(FilmWork {
            manifest,
            frames,
            rate: Ratio::new(25, 1).unwrap(),
            width: 64,
            height: 36,
            pixel_aspect: Ratio::new(1, 1).unwrap(),
            background: [0, 0, 0],
            tracks: Vec::new(),
        }),
    }
}
