//! The spool and the journal keep their word over restarts.

use std::time::Duration;

use flatrender_agent::work::journal::{Journal, Step};
use flatrender_agent::work::spool::{Spool, SpoolError};

use crate::stores::{frame, frames_lease, key};

#[tokio::test]
async fn frames_are_there_again_after_a_restart_until_they_are_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let lease = key();
    let spool = Spool::open(folder.path(), 1 << 20).unwrap();
    for ordinal in [2, 0, 1] {
        let packed = vec![ordinal as u8; 100];
        spool.put(frame(lease, ordinal, &packed), &packed).unwrap();
    }
    assert_eq!(spool.take(1).await.header.ordinal, 0);
    assert!(spool.acknowledge(lease, 0).unwrap());
    assert!(!spool.acknowledge(lease, 0).unwrap(), "twice");
    drop(spool);

    let spool = Spool::open(folder.path(), 1 << 20).unwrap();
    assert_eq!(spool.ordinals(lease), [1, 2]);
    let spooled = spool.take(1).await;
    assert_eq!(spooled.header, frame(lease, 1, &[1; 100]));
    assert_eq!(spooled.bytes().unwrap(), [1; 100]);
    assert_eq!(spool.state().frames, 2);
}

#[tokio::test]
async fn what_one_session_had_in_hand_the_next_one_sends() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), 1 << 20).unwrap();
    let lease = key();
    spool.put(frame(lease, 5, b"five"), b"five").unwrap();
    assert_eq!(spool.take(1).await.header.ordinal, 5);
    let none = tokio::time::timeout(Duration::from_millis(20), spool.take(1)).await;
    assert!(none.is_err(), "one session gets a frame once");
    assert_eq!(spool.take(2).await.header.ordinal, 5);
}

#[tokio::test]
async fn a_full_spool_says_so_and_tells_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let lease = key();
    let spool = Spool::open(folder.path(), 4_000).unwrap();
    let packed = vec![1; 3_000];
    spool.put(frame(lease, 0, &packed), &packed).unwrap();
    let error = spool.put(frame(lease, 1, &packed), &packed).unwrap_err();
    assert!(
        matches!(error, SpoolError::Full { limit: 4_000, .. }),
        "{error}"
    );
    assert!(spool.state().full);
    let waiting = tokio::spawn({
        let spool = spool.clone();
        async move { spool.room().await }
    });
    spool.acknowledge(lease, 0).unwrap();
    tokio::time::timeout(Duration::from_secs(5), waiting)
        .await
        .unwrap()
        .unwrap();
    spool.put(frame(lease, 1, &packed), &packed).unwrap();
    assert_eq!(spool.ordinals(lease), [1]);
}

#[tokio::test]
async fn torn_files_are_not_frames() {
    let folder = tempfile::tempdir().unwrap();
    let lease = key();
    let spool = Spool::open(folder.path(), 1 << 20).unwrap();
    spool.put(frame(lease, 0, &[9; 500]), &[9; 500]).unwrap();
    spool.put(frame(lease, 1, &[8; 500]), &[8; 500]).unwrap();
    let mut paths: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let whole = std::fs::read(&paths[0]).unwrap();
    std::fs::write(&paths[0], &whole[..whole.len() - 1]).unwrap();
    let mut bent = std::fs::read(&paths[1]).unwrap();
    *bent.last_mut().unwrap() ^= 1;
    std::fs::write(&paths[1], bent).unwrap();
    let spool = Spool::open(folder.path(), 1 << 20).unwrap();
    assert_eq!(spool.state().frames, 0);
    assert_eq!(spool.state().bytes, 0);
}

#[test]
fn the_journal_is_there_again_with_what_left_the_agents_hands() {
    let folder = tempfile::tempdir().unwrap();
    let lease = frames_lease(10, 16, 100, b"project");
    let mut journal = Journal::create(folder.path(), lease.clone(), "25.2x26").unwrap();
    journal.step(Step::Starting).unwrap();
    journal.acknowledged(11).unwrap();
    journal.acknowledged(12).unwrap();
    journal.shrink(15).unwrap();
    // A torn last write, as a power cut leaves it.
    let path = journal.folder().join("acknowledged");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend([1, 2]);
    std::fs::write(&path, bytes).unwrap();
    drop(journal);
    std::fs::create_dir(folder.path().join("not-an-attempt")).unwrap();

    let mut journals = Journal::load_all(folder.path()).unwrap();
    assert_eq!(journals.len(), 1);
    let mut journal = journals.remove(0);
    assert_eq!(journal.record().lease, lease);
    assert_eq!(journal.record().step, Step::Starting);
    assert_eq!(journal.owed(), [10, 13, 14]);
    journal.acknowledged(10).unwrap();
    drop(journal);
    let journal = Journal::load_all(folder.path()).unwrap().remove(0);
    assert_eq!(journal.owed(), [13, 14]);
    let folder_of_it = journal.folder().to_owned();
    journal.forget().unwrap();
    assert!(!folder_of_it.exists());
}

#[test]
fn a_journal_that_cannot_be_read_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::create(folder.path(), frames_lease(0, 1, 0, b""), "").unwrap();
    let path = journal.folder().to_owned();
    std::fs::write(path.join("attempt.json"), b"{\"version\":1}").unwrap();
    drop(journal);
    assert!(Journal::load_all(folder.path()).unwrap().is_empty());
    assert!(!path.exists());
    assert!(path.with_extension("unreadable").exists());
}
