//! `/v1/farm/jobs/{job}/frames`.

use std::io::Cursor;

use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use flatrender_controller::farm::{PictureError, WhichFrame};
use flatrender_preview::{Pixels, scaled};
use flatrender_protocol::message::ToAgent;
use flatrender_protocol::rest::NewestFrameView;
use flatrender_protocol::{Digest, TenantId};
use tiff::encoder::{TiffEncoder, colortype};

use super::{TestOps, refused};
use crate::farm::agent::FakeAgent;

const SIZE: (u32, u32) = (64, 36);

/// A frame of one colour, as agents store it.
fn stored(color: [u8; 3]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut tiff = TiffEncoder::new(Cursor::new(&mut file)).unwrap();
    let pixels = color.repeat((SIZE.0 * SIZE.1) as usize);
    tiff.write_image::<colortype::RGB8>(SIZE.0, SIZE.1, &pixels)
        .unwrap();
    zstd::bulk::compress(&file, 1).unwrap()
}

fn expected([red, green, blue]: [u8; 3], width: u32, height: u32) -> Vec<u8> {
    let pixels = [red, green, blue, 255].repeat((SIZE.0 * SIZE.1) as usize);
    let pixels = Pixels::new(SIZE.0, SIZE.1, pixels).unwrap();
    scaled(&pixels, width, height)
        .unwrap()
        .to_jpeg([0; 3])
        .unwrap()
}

impl TestOps {
    async fn jpeg(&self, path: &str) -> (Vec<u8>, String) {
        let request = self.request("GET", path).body(Body::empty()).unwrap();
        let response = self.send(request).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.headers()["content-type"], "image/jpeg");
        let tag = response.headers()["etag"].to_str().unwrap().to_owned();
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (bytes.to_vec(), tag)
    }
}

#[tokio::test]
async fn the_newest_frame_of_a_running_job_is_shown_and_any_other() {
    let mut ops = TestOps::start().await;
    ops.db.database().ensure_partitions(1).await.unwrap();
    let leader = ops.lead();
    crate::farm::until("somebody leads", async || {
        ops.farm.leader().await.unwrap().map(|_| ())
    })
    .await;
    let job = ops.submit("seen").await;
    let base = format!("/v1/farm/jobs/{}/frames", job.id);
    let none = ops.get(&format!("{base}/newest")).await;
    assert_eq!(none.refusal(), refused(404, "not_found", &[]));
    let mut agent = FakeAgent::join(&ops.farm, "one").await;
    let colors = [[200, 10, 10], [10, 200, 10]];
    for (ordinal, color) in (0..).zip(colors) {
        // The first goes alone; the rest is a lease of its own.
        let key = if ordinal == 0 {
            let (key, _) = agent.frames_leased().await;
            key
        } else {
            agent.leased().await.key
        };
        agent
            .send_frame_of(key, ordinal, stored(color).into())
            .await;
        agent
            .hear(|said| matches!(said, ToAgent::FrameAck { .. }).then_some(()))
            .await;
        if ordinal == 0 {
            use flatrender_protocol::message::{Ending, OutcomeClass};
            agent
                .report(key, Ending::Succeeded, OutcomeClass::Ok, "")
                .await;
        }
    }
    let newest: NewestFrameView = ops.get(&format!("{base}/newest")).await.json();
    assert_eq!(
        (newest.frame, newest.ordinal, newest.frames_done),
        (1, 1, 2)
    );
    assert_eq!(newest.digest, Digest::of(&stored(colors[1])));
    assert_eq!(newest.picture, format!("{base}/1/picture"));
    // Never wider than the frame; the same again comes from what is kept.
    for _ in 0..2 {
        let (whole, _) = ops.jpeg(&format!("{base}/newest/picture")).await;
        assert!(whole == expected(colors[1], 64, 36));
    }
    let (small, tag) = ops.jpeg(&format!("{base}/0/picture?width=32")).await;
    assert!(small == expected(colors[0], 32, 18));
    assert!(tag.contains(&Digest::of(&stored(colors[0])).to_string()) && tag.contains("-32"));
    for (path, status) in [
        ("2/picture", 404),
        ("10/picture", 404),
        ("x/picture", 404),
        ("0/picture?width=0", 422),
        ("0/picture?width=5000", 422),
        ("0/picture?height=5", 422),
    ] {
        let answer = ops.get(&format!("{base}/{path}")).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
    }
    let stranger = TenantId::new();
    let newest = ops.farm.newest_frame(stranger, job.id).await;
    assert!(matches!(newest, Err(PictureError::NoJob)));
    let picture = ops
        .farm
        .frame_picture(stranger, job.id, WhichFrame::Newest, None)
        .await;
    assert!(matches!(picture, Err(PictureError::NoJob)));
    ops.shutdown.cancel();
    leader.await.unwrap();
}
