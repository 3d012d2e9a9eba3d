//! The folder of frames, watched: nothing is offered before it is closed or still, and everything is.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use flatrender_agent::frame::{Candidate, Expect, FolderWatch, WatchOptions, Why, verify};
use tokio::time::timeout;

use crate::tiff_files::TiffFile;

const DEADLINE: Duration = Duration::from_secs(20);

const POLL_ONLY: WatchOptions = WatchOptions {
    poll: Duration::from_millis(50),
    notifications: false,
};

const NOTIFICATIONS_ONLY: WatchOptions = WatchOptions {
    poll: Duration::from_secs(3600),
    notifications: true,
};

async fn next(watch: &mut FolderWatch) -> Candidate {
    timeout(DEADLINE, watch.next())
        .await
        .expect("a file is offered in time")
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}

/// Waits until the first poll, the one at once, is over: from here on only notifications come.
async fn past_the_first_poll(watch: &mut FolderWatch) {
    assert!(
        timeout(Duration::from_millis(200), watch.next())
            .await
            .is_err()
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_is_offered_when_it_is_closed_and_again_when_it_changes() {
    let dir = tempfile::tempdir().unwrap();
    let mut watch = FolderWatch::with_options(dir.path(), NOTIFICATIONS_ONLY).unwrap();
    past_the_first_poll(&mut watch).await;
    let path = dir.path().join("f_00000.tif");
    let whole = TiffFile::plain(16, 16, 4, vec![7; 1024]).bytes();
    let expect = Expect {
        width: 16,
        height: 16,
    };
    write(&path, b"");
    assert!(
        timeout(Duration::from_millis(200), watch.next())
            .await
            .is_err(),
        "it is empty"
    );
    let mut file = File::options().write(true).open(&path).unwrap();
    file.write_all(&whole[..100]).unwrap();
    assert!(
        timeout(Duration::from_millis(200), watch.next())
            .await
            .is_err(),
        "it is open"
    );
    drop(file);
    let closed = Candidate {
        path: path.clone(),
        why: Why::Closed,
    };
    assert_eq!(next(&mut watch).await, closed);
    assert!(verify(&fs::read(&path).unwrap(), &expect).is_err());
    let mut file = File::options().append(true).open(&path).unwrap();
    file.write_all(&whole[100..]).unwrap();
    drop(file);
    assert_eq!(next(&mut watch).await, closed);
    assert!(verify(&fs::read(&path).unwrap(), &expect).is_ok());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_that_is_moved_into_the_folder_is_offered() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut watch = FolderWatch::with_options(dir.path(), NOTIFICATIONS_ONLY).unwrap();
    past_the_first_poll(&mut watch).await;
    write(&elsewhere.path().join("f.tmp"), b"frame");
    fs::rename(elsewhere.path().join("f.tmp"), dir.path().join("f.tif")).unwrap();
    assert_eq!(next(&mut watch).await.path, dir.path().join("f.tif"));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn more_files_than_the_queue_holds_are_all_offered() {
    let dir = tempfile::tempdir().unwrap();
    let options = WatchOptions {
        poll: Duration::from_millis(50),
        notifications: true,
    };
    let mut watch = FolderWatch::with_options(dir.path(), options).unwrap();
    let names: Vec<_> = (0..1000)
        .map(|n| dir.path().join(format!("f_{n:05}.tif")))
        .collect();
    // Nobody takes from the queue meanwhile, so that most of the notifications are lost.
    names.iter().for_each(|name| write(name, b"frame"));
    let mut found = std::collections::BTreeSet::new();
    while found.len() < names.len() {
        found.insert(next(&mut watch).await.path);
    }
    assert_eq!(found.into_iter().collect::<Vec<_>>(), names);
}

#[tokio::test]
async fn the_poll_alone_offers_what_is_still() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f_00000.tif");
    write(&path, b"before the watch");
    write(&dir.path().join("empty.tif"), b"");
    fs::create_dir(dir.path().join("folder")).unwrap();
    let mut watch = FolderWatch::with_options(dir.path(), POLL_ONLY).unwrap();
    let still = Candidate {
        path: path.clone(),
        why: Why::Stable,
    };
    assert_eq!(next(&mut watch).await, still);
    assert!(
        timeout(Duration::from_millis(400), watch.next())
            .await
            .is_err(),
        "once is enough"
    );
    write(&path, b"another length");
    assert_eq!(next(&mut watch).await, still);
}

#[tokio::test]
async fn the_poll_does_not_offer_a_file_while_it_grows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f.tif");
    let mut watch = FolderWatch::with_options(dir.path(), POLL_ONLY).unwrap();
    let mut file = File::create(&path).unwrap();
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    let growing = std::time::Instant::now();
    while growing.elapsed() < Duration::from_millis(500) {
        tokio::select! {
            _ = tick.tick() => file.write_all(b"more").unwrap(),
            early = watch.next() => panic!("{early:?} is still being written"),
        }
    }
    drop(file);
    assert_eq!(next(&mut watch).await.path, path);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_poll_does_not_offer_a_file_with_holes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f.tif");
    let mut file = File::create(&path).unwrap();
    // The last piece first: as long as it will ever be, and not whole.
    file.seek(SeekFrom::Start(1 << 20)).unwrap();
    file.write_all(b"the end").unwrap();
    let mut watch = FolderWatch::with_options(dir.path(), POLL_ONLY).unwrap();
    assert!(
        timeout(Duration::from_millis(400), watch.next())
            .await
            .is_err()
    );
    assert_eq!(watch.sweep(), std::slice::from_ref(&path));
    file.seek(SeekFrom::Start(0)).unwrap();
    file.write_all(&vec![1; 1 << 20]).unwrap();
    assert_eq!(next(&mut watch).await.path, path);
}

#[tokio::test]
async fn the_sweep_names_everything_that_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut watch = FolderWatch::new(dir.path()).unwrap();
    let names = ["a.tif", "b.tif", "c"].map(|name| dir.path().join(name));
    write(&names[1], b"");
    write(&names[0], b"frame");
    write(&names[2], b"x");
    assert_eq!(watch.sweep(), names);
    let nowhere = FolderWatch::new(&dir.path().join("nowhere")).unwrap_err();
    assert!(
        nowhere.to_string().starts_with("watch the folder "),
        "{nowhere}"
    );
}
