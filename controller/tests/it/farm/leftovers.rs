//! What leaves the store, and what never does.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use flatrender_controller::blobs::Area;
use flatrender_controller::farm::Swept;
use flatrender_protocol::Digest;
use flatrender_protocol::state::JobState;

use super::agent::FakeAgent;
use super::{TestFarm, quick};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Makes every file of the store three days old.
fn age(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            age(&path);
            continue;
        }
        let file = File::options().append(true).open(&path).expect("a file");
        file.set_modified(SystemTime::now() - 3 * DAY)
            .expect("a time");
    }
}

async fn there(farm: &TestFarm, digest: Digest) -> bool {
    let size = farm.farm.blobs.size(Area::Farm, digest).await;
    size.expect("the disk works").is_some()
}

async fn put(farm: &TestFarm, bytes: &'static [u8]) -> Digest {
    let blob = farm.farm.blobs.put(Area::Farm, Bytes::from_static(bytes));
    blob.await.expect("stored").digest
}

#[tokio::test]
async fn a_sweep_takes_what_no_row_names_and_nothing_else() {
    let farm = TestFarm::start(quick()).await;
    let job = farm.submit(10).await;
    let mut agent = FakeAgent::join(&farm.farm, "one").await;
    agent
        .work_until(async || farm.job(job.id).await.state == JobState::Done)
        .await;
    let track = put(&farm, b"a song that a job names").await;
    sqlx::query("UPDATE render.render_jobs SET tracks = jsonb_build_array(jsonb_build_object('digest', $1))")
        .bind(track.to_string())
        .execute(&farm.admin)
        .await
        .expect("a track");
    let frames: Vec<Vec<u8>> = sqlx::query_scalar("SELECT digest FROM render.frames")
        .fetch_all(&farm.admin)
        .await
        .expect("frames");
    assert_eq!(frames.len(), 10);
    let mut named = vec![track, farm.project(10).await.digest];
    for digest in frames {
        let digest = Digest::from_slice(&digest).expect("a digest");
        // The fake agent's frames are only told of; here their bytes count too.
        let shelf = farm
            .store
            .path()
            .join("farm")
            .join(&digest.to_string()[..2]);
        fs::create_dir_all(&shelf).expect("a shelf");
        fs::write(shelf.join(digest.to_string()), b"a frame").expect("a frame");
        named.push(digest);
    }
    let refused = put(&farm, b"a song that no job took").await;
    let shelf = farm.store.path().join("files").join("ab");
    fs::create_dir_all(&shelf).expect("a shelf");
    let part = shelf.join(format!("{}#1", "ab".repeat(32)));
    let film = shelf.join("ab".repeat(32));
    for file in [&part, &film] {
        fs::write(file, b"half a film").expect("a file");
    }

    let before = SystemTime::now() - DAY;
    let fresh = farm.farm.sweep(before).await.expect("a sweep");
    assert_eq!(fresh, Swept::default(), "everything is young");
    age(farm.store.path());
    let claimed = put(&farm, b"young again: somebody is about to use it").await;
    age(farm.store.path());
    assert_eq!(
        farm.farm.blobs.claim(claimed).await.expect("there"),
        Some(40)
    );

    let swept = farm.farm.sweep(before).await.expect("a sweep");
    assert!(!there(&farm, refused).await);
    assert!(there(&farm, claimed).await, "it was claimed");
    for blob in named {
        assert!(there(&farm, blob).await, "a row names {blob}");
    }
    assert!(film.exists(), "films are not the farm's to remove");
    assert!(!part.exists());
    // The film's manifest was read once and is named by no row.
    assert_eq!(swept, Swept { blobs: 2, parts: 1 });
    let again = farm.farm.sweep(before).await.expect("a sweep");
    assert_eq!(again, Swept::default());
    farm.stop().await;
}
