//! The template cache: fetched once, verified, pinned, bounded, and nothing half-made visible.

use std::collections::HashMap;
use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flatrender_agent::cache::{Cache, CacheError, CacheLimits, Fetch, FetchError};
use flatrender_protocol::Digest;
use flatrender_protocol::message::BlobRef;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::Semaphore;

/// A source of blobs that counts, waits and breaks when told to.
struct Source {
    blobs: Mutex<HashMap<Digest, Vec<u8>>>,
    /// Digest and offset of every call.
    calls: Mutex<Vec<(Digest, u64)>>,
    /// A fetch takes one before it answers.
    permits: Semaphore,
    /// This many answers end after 1,000 bytes.
    breaks: AtomicUsize,
    /// Instead of waiting for more, an answer that breaks hangs.
    hangs: bool,
}

impl Source {
    fn new() -> Self {
        Self {
            blobs: Mutex::default(),
            calls: Mutex::default(),
            permits: Semaphore::new(1000),
            breaks: AtomicUsize::new(0),
            hangs: false,
        }
    }

    fn blob(&self, seed: u8, length: usize) -> BlobRef {
        let bytes: Vec<u8> = (0..length).map(|at| (at / 7) as u8 ^ seed).collect();
        let digest = Digest::of(&bytes);
        self.blobs.lock().unwrap().insert(digest, bytes);
        BlobRef {
            digest,
            bytes: length as u64,
        }
    }

    fn offsets(&self) -> Vec<u64> {
        self.calls
            .lock()
            .unwrap()
            .iter()
            .map(|call| call.1)
            .collect()
    }
}

impl Fetch for Source {
    async fn fetch(
        &self,
        digest: Digest,
        offset: u64,
    ) -> Result<Box<dyn AsyncRead + Send + Unpin>, FetchError> {
        self.calls.lock().unwrap().push((digest, offset));
        self.permits.acquire().await.unwrap().forget();
        let blobs = self.blobs.lock().unwrap();
        let Some(bytes) = blobs.get(&digest) else {
            return Err(FetchError::Refused {
                reason: "no lease names it".into(),
            });
        };
        let rest = bytes[offset as usize..].to_vec();
        let breaks = self.breaks.load(Ordering::Relaxed);
        if breaks == 0 {
            return Ok(Box::new(Cursor::new(rest)));
        }
        self.breaks.store(breaks - 1, Ordering::Relaxed);
        let some = Cursor::new(rest[..1000].to_vec());
        if self.hangs {
            // The other end of the pipe is forgotten, so that it never ends.
            let (never, other) = tokio::io::duplex(1);
            std::mem::forget(other);
            return Ok(Box::new(some.chain(never)));
        }
        Ok(Box::new(some))
    }
}

const LIMITS: CacheLimits = CacheLimits {
    max_bytes: 10_000,
    min_free_bytes: 0,
};

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait)
        .await
        .unwrap_or_else(|_| panic!("not in time: {what}"));
}

#[tokio::test]
async fn a_blob_is_fetched_once_however_many_ask() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::open(dir.path(), LIMITS).unwrap();
    let source = Source::new();
    let blob = source.blob(1, 5000);
    let mut changed = cache.changed();
    let asked: Vec<_> = (0..20).map(|_| cache.get(&blob, &source)).collect();
    let mut pinned = Vec::new();
    let mut set = tokio::task::JoinSet::new();
    drop(asked);
    let source = std::sync::Arc::new(source);
    for _ in 0..20 {
        let (cache, source, blob) = (cache.clone(), source.clone(), blob.clone());
        set.spawn(async move { cache.get(&blob, &*source).await });
    }
    while let Some(one) = set.join_next().await {
        pinned.push(one.unwrap().unwrap());
    }
    assert_eq!(source.offsets(), [0]);
    assert!(changed.has_changed().unwrap());
    changed.mark_unchanged();
    assert_eq!(
        Digest::of(&fs::read(pinned[0].path()).unwrap()),
        blob.digest
    );
    assert_eq!(cache.entries(), [(blob.digest, 5000)]);
    assert!(
        fs::metadata(pinned[0].path())
            .unwrap()
            .permissions()
            .readonly()
    );
}

#[tokio::test]
async fn a_refused_blob_fails_for_all_who_wait_with_one_fetch() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::open(dir.path(), LIMITS).unwrap();
    let mut source = Source::new();
    source.permits = Semaphore::new(0);
    let source = std::sync::Arc::new(source);
    let blob = BlobRef {
        digest: Digest::of(b"unknown"),
        bytes: 7,
    };
    let mut set = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let (cache, source, blob) = (cache.clone(), source.clone(), blob.clone());
        set.spawn(async move { cache.get(&blob, &*source).await.unwrap_err().to_string() });
    }
    // On this one-threaded runtime all five have asked before the first of them is answered.
    until("the source is asked", || source.offsets().len() == 1).await;
    source.permits.add_permits(5);
    let mut words = set.join_all().await;
    words.sort();
    let direct = format!("fetch blob {} from byte 0", blob.digest);
    assert_eq!(words[0], direct);
    assert!(
        words[1..]
            .iter()
            .all(|shared| *shared == format!("{direct}: it was refused: no lease names it"))
    );
    assert_eq!(source.offsets(), [0]);
    // A later one tries again.
    source.permits.add_permits(1);
    assert!(matches!(
        cache.get(&blob, &*source).await,
        Err(CacheError::Fetch { .. })
    ));
    assert_eq!(source.offsets(), [0, 0]);
}

#[tokio::test]
async fn a_broken_fetch_goes_on_where_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::open(dir.path(), LIMITS).unwrap();
    let source = Source::new();
    let blob = source.blob(2, 4500);
    source.breaks.store(3, Ordering::Relaxed);
    cache.get(&blob, &source).await.unwrap();
    assert_eq!(source.offsets(), [0, 1000, 2000, 3000]);
}

#[tokio::test]
async fn a_fetch_that_was_dropped_goes_on_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut source = Source::new();
    let blob = source.blob(3, 4500);
    source.breaks = AtomicUsize::new(1);
    source.hangs = true;
    {
        let cache = Cache::open(dir.path(), LIMITS).unwrap();
        let part = dir.path().join("parts").join(blob.digest.to_string());
        let arrived = until("1,000 bytes are on disk", || {
            fs::metadata(&part).is_ok_and(|part| part.len() == 1000)
        });
        tokio::select! {
            _ = cache.get(&blob, &source) => panic!("the source hangs"),
            () = arrived => {}
        }
        assert!(
            names(&dir.path().join("blobs")).is_empty(),
            "nothing half-made is visible"
        );
        assert!(cache.entries().is_empty());
    }
    let cache = Cache::open(dir.path(), LIMITS).unwrap();
    let pinned = cache.get(&blob, &source).await.unwrap();
    assert_eq!(source.offsets(), [0, 1000]);
    assert_eq!(Digest::of(&fs::read(pinned.path()).unwrap()), blob.digest);
    assert!(names(&dir.path().join("parts")).is_empty());
}

#[tokio::test]
async fn a_damaged_rest_is_thrown_away_and_fetched_anew() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::new();
    let blob = source.blob(4, 3000);
    fs::create_dir_all(dir.path().join("parts")).unwrap();
    fs::write(
        dir.path().join("parts").join(blob.digest.to_string()),
        vec![0xEE; 1234],
    )
    .unwrap();
    let cache = Cache::open(dir.path(), LIMITS).unwrap();
    cache.get(&blob, &source).await.unwrap();
    assert_eq!(source.offsets(), [1234, 0]);
}

#[tokio::test]
async fn what_is_not_what_was_asked_for_never_becomes_visible() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::open(dir.path(), LIMITS).unwrap();
    let source = Source::new();
    let blob = source.blob(5, 3000);
    source
        .blobs
        .lock()
        .unwrap()
        .insert(blob.digest, vec![1; 3000]);
    let error = cache.get(&blob, &source).await.unwrap_err();
    assert!(matches!(error, CacheError::WrongDigest { wanted, .. } if wanted == blob.digest));
    source
        .blobs
        .lock()
        .unwrap()
        .insert(blob.digest, vec![1; 3001]);
    let error = cache.get(&blob, &source).await.unwrap_err();
    assert!(
        matches!(error, CacheError::TooMuch { bytes: 3000, .. }),
        "{error}"
    );
    source.blobs.lock().unwrap().insert(blob.digest, vec![]);
    let error = cache.get(&blob, &source).await.unwrap_err();
    assert!(matches!(
        error,
        CacheError::Fetch {
            source: FetchError::EndedEarly {
                have: 0,
                bytes: 3000
            },
            ..
        }
    ));
    assert!(names(&dir.path().join("blobs")).is_empty());
}

#[tokio::test]
async fn the_least_recently_used_goes_first_and_what_is_pinned_stays() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::open(dir.path(), LIMITS).unwrap();
    let source = Source::new();
    let [a, b, c, d] = [1, 2, 3, 4].map(|seed| source.blob(seed, 3000));
    drop(cache.get(&a, &source).await.unwrap());
    let held = cache.get(&b, &source).await.unwrap();
    drop(cache.get(&c, &source).await.unwrap());
    drop(cache.get(&a, &source).await.unwrap());
    drop(cache.get(&d, &source).await.unwrap());
    let there: Vec<_> = cache.entries().into_iter().map(|entry| entry.0).collect();
    assert_eq!(
        there,
        [d.digest, a.digest, b.digest],
        "c was used longest ago"
    );
    assert_eq!(names(&dir.path().join("blobs")).len(), 3);
    let large = source.blob(5, 8000);
    let error = cache.get(&large, &source).await.unwrap_err();
    assert!(
        matches!(
            error,
            CacheError::Full {
                needed: 8000,
                in_use: 3000,
                limit: 10_000
            }
        ),
        "{error}"
    );
    assert!(held.path().exists());
    drop(held);
    cache.get(&large, &source).await.unwrap();
    assert_eq!(cache.entries(), [(large.digest, 8000)]);
}

#[tokio::test]
async fn the_order_of_use_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::new();
    let [a, b, c] = [1, 2, 3].map(|seed| source.blob(seed, 4000));
    {
        let cache = Cache::open(dir.path(), LIMITS).unwrap();
        drop(cache.get(&a, &source).await.unwrap());
        drop(cache.get(&b, &source).await.unwrap());
        let before = fs::metadata(dir.path().join("blobs").join(b.digest.to_string()))
            .unwrap()
            .modified()
            .unwrap();
        // The file system's clock may be coarse.
        until("a is used after b", || {
            let pinned = futures_now(cache.get(&a, &source));
            fs::metadata(pinned.path()).unwrap().modified().unwrap() > before
        })
        .await;
    }
    let cache = Cache::open(dir.path(), LIMITS).unwrap();
    drop(cache.get(&c, &source).await.unwrap());
    let there: Vec<_> = cache.entries().into_iter().map(|entry| entry.0).collect();
    assert_eq!(there, [c.digest, a.digest]);
}

/// The value of a future that needs no waiting.
fn futures_now<T>(future: impl Future<Output = Result<T, CacheError>>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value.unwrap(),
        std::task::Poll::Pending => panic!("it waits"),
    }
}

#[tokio::test]
async fn after_a_start_a_damaged_file_is_noticed_before_it_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::new();
    let [good, bad] = [1, 2].map(|seed| source.blob(seed, 3000));
    {
        let cache = Cache::open(dir.path(), LIMITS).unwrap();
        cache.get(&good, &source).await.unwrap();
        cache.get(&bad, &source).await.unwrap();
    }
    let path = dir.path().join("blobs").join(bad.digest.to_string());
    fs::remove_file(&path).unwrap();
    fs::write(&path, vec![0; 3000]).unwrap();
    fs::write(dir.path().join("blobs").join("notes.txt"), b"a person's").unwrap();
    let cache = Cache::open(dir.path(), LIMITS).unwrap();
    assert_eq!(cache.entries().len(), 2);
    cache.get(&good, &source).await.unwrap();
    assert_eq!(
        source.offsets().len(),
        2,
        "what is right is not fetched again"
    );
    let pinned = cache.get(&bad, &source).await.unwrap();
    assert_eq!(source.offsets().len(), 3);
    assert_eq!(Digest::of(&fs::read(pinned.path()).unwrap()), bad.digest);
    assert!(dir.path().join("blobs").join("notes.txt").exists());
}

#[tokio::test]
async fn limits_are_said_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::open(dir.path(), LIMITS).unwrap();
    let source = Source::new();
    let large = source.blob(1, 10_001);
    let error = cache.get(&large, &source).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "blob {} has 10001 bytes, and the cache may hold 10000; raise the cache's size on this node",
            large.digest
        )
    );
    let small = source.blob(2, 10);
    let full = CacheLimits {
        max_bytes: 10_000,
        min_free_bytes: u64::MAX,
    };
    let error = Cache::open(dir.path(), full)
        .unwrap()
        .get(&small, &source)
        .await
        .unwrap_err();
    assert!(
        matches!(error, CacheError::DiskFull { needed: 10, .. }),
        "{error}"
    );
    assert!(source.offsets().is_empty(), "nobody was asked");
}
