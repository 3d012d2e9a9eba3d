//! Throws broken and hostile archives at the reader: `fuzz_package --executions N --seed S`. Counts what came of them, and stops at
//! the first that breaks a promise: a panic, more bytes or memory than the limits allow, a name that is none, a digest that
//! changes when the content is packed again, a file outside the folder or one left behind.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for people that stops where something is wrong"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use flatrender_package::{Archive, LINKS_FILE, Limits, Manifest, PackageName, Packer, Rules};

#[path = "../tests/it/font.rs"]
mod font;
#[path = "../tests/it/raw.rs"]
mod raw;

use raw::{PROJECT, Raw};

/// Most memory of one execution over what stood before it.
const MAX_MEMORY: usize = 2 << 20;
/// One execution in so many is unpacked to a disk.
const UNPACKED: u64 = 64;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// Counts what is held.
struct Counting;

// SAFETY: all is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// xorshift64*: the same seed, the same archives.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() >> 33).unwrap() % end.max(1)
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

fn main() {
    let (mut executions, mut seed) = (100_000, 1);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    for pair in arguments.chunks(2) {
        match pair {
            [name, value] if name == "--executions" => executions = value.parse().unwrap(),
            [name, value] if name == "--seed" => seed = value.parse().unwrap(),
            _ => panic!("usage: fuzz --executions N --seed S"),
        }
    }
    let folder = std::env::temp_dir().join(format!("package-fuzz-{}-{seed}", std::process::id()));
    fs::create_dir_all(folder.join("inner")).unwrap();
    let rules = rules();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ seed);
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut most_memory = 0;
    for number in 0..executions {
        let bytes = archive(&mut dice);
        let before = HELD.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let outcome = if number % UNPACKED == 0 {
            unpack(&bytes, &rules, &folder)
        } else {
            check(&bytes, &rules)
        };
        let memory = PEAK.load(Ordering::Relaxed) - before;
        most_memory = most_memory.max(memory);
        assert!(
            memory <= MAX_MEMORY,
            "execution {number} of seed {seed}: {memory} bytes of memory"
        );
        let class = match outcome {
            Ok(manifest) => {
                judge(&manifest, &bytes, &rules, dice.one_in(16));
                "taken".to_owned()
            }
            Err(class) => class,
        };
        *counts.entry(class).or_default() += 1;
    }
    fs::remove_dir_all(&folder).unwrap();
    for (class, count) in &counts {
        println!("{count:>10}  {class}");
    }
    println!(
        "{executions} executions of seed {seed}, at most {most_memory} bytes of memory in one"
    );
}

fn rules() -> Rules {
    Rules {
        limits: Limits {
            packed_bytes: 1 << 20,
            unpacked_bytes: 256 << 10,
            file_bytes: 128 << 10,
            entries: 40,
            directory_bytes: 16 << 10,
            ratio_free_bytes: 64 << 10,
            font_bytes: 32 << 10,
            links_bytes: 8 << 10,
            ..Limits::default()
        },
        ..Rules::default()
    }
}

/// The error's kind without what differs from one to the next.
fn class(error: &flatrender_package::PackageError) -> String {
    let text = match error.refused() {
        Some(refused) => format!("{refused:?}"),
        None => format!("{error:?}"),
    };
    let end = text.find([' ', '{']).unwrap_or(text.len());
    text[..end].chars().take(40).collect()
}

fn check(bytes: &[u8], rules: &Rules) -> Result<Manifest, String> {
    let mut most = 0;
    let opened = Archive::open(Cursor::new(bytes), rules);
    let result = opened.and_then(|mut archive| {
        archive.check(&mut |done| {
            most = done;
            true
        })
    });
    assert!(most <= rules.limits.unpacked_bytes, "{most} bytes came out");
    result.map_err(|error| {
        let text = format!("{error}{}", error.remedy());
        assert!(!text.chars().any(char::is_control), "{text:?}");
        class(&error)
    })
}

fn unpack(bytes: &[u8], rules: &Rules, folder: &Path) -> Result<Manifest, String> {
    let target = folder.join("inner/target");
    let opened = Archive::open(Cursor::new(bytes), rules);
    let result = opened.and_then(|mut archive| archive.unpack(&target, &mut |_| true));
    let (mut files, mut outside) = (BTreeSet::new(), 0);
    for path in tree(folder) {
        match path.strip_prefix(&target) {
            Ok(below) if path.is_file() => {
                files.insert(below.to_str().unwrap().replace('\\', "/"));
            }
            Ok(_) => {}
            Err(_) => outside += 1,
        }
    }
    assert_eq!(outside, 1, "something lies outside the folder");
    match &result {
        Ok(manifest) => {
            let named = manifest.files.iter().map(|file| file.name.to_string());
            assert_eq!(files, named.collect());
            fs::remove_dir_all(&target).unwrap();
        }
        Err(_) => assert!(
            !target.exists() && files.is_empty(),
            "something was left behind"
        ),
    }
    result.map_err(|error| class(&error))
}

fn tree(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut next = vec![folder.to_owned()];
    while let Some(folder) = next.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            assert!(!entry.file_type().unwrap().is_symlink());
            if entry.file_type().unwrap().is_dir() {
                next.push(entry.path());
            }
            found.push(entry.path());
        }
    }
    found
}

/// What was taken keeps its promises: good names, and with `again` the same digest when its content is packed again.
fn judge(manifest: &Manifest, bytes: &[u8], rules: &Rules, again: bool) {
    let mut keys = BTreeSet::new();
    for file in &manifest.files {
        let name = PackageName::new(file.name.as_str(), &rules.limits).unwrap();
        assert_eq!(name, file.name);
        assert!(keys.insert(name.collision_key()), "{name} is there twice");
    }
    if !again {
        return;
    }
    let mut archive = Archive::open(Cursor::new(bytes), rules).unwrap();
    let mut packer = Packer::new(Cursor::new(Vec::new()), rules.clone(), true);
    for file in &manifest.files {
        let content = archive.read_file(file.name.as_str(), u64::MAX).unwrap();
        packer
            .add(&file.name, content.as_slice(), &mut |_| true)
            .unwrap();
    }
    let packed = packer.finish().unwrap().into_inner();
    assert_eq!(&check(&packed, rules).unwrap(), manifest);
    // the library is more lenient than we are: what we take, it takes too, but for what we leave unread
    let mut library = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    for at in 0..library.len() {
        let mut entry = library.by_index(at).unwrap();
        let name = entry.name().unwrap().into_owned();
        if name.ends_with('/') || name.contains("._") || name.contains("__MACOSX") {
            continue;
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
    }
}

const NAMES: [&str; 24] = [
    "p.aep",
    "top/p.aep",
    "a.png",
    "A.png",
    "a/b.png",
    "a",
    "../x.png",
    "/x.png",
    "C:\\x",
    "aux.txt",
    "b.ttf",
    "x.zip",
    "flatrender-links.json",
    "(Footage)/é.mov",
    "(Footage)/e\u{301}.mov",
    "dir/",
    "a/",
    "__MACOSX/._a",
    "run.sh",
    "a.txt:b",
    "x. ",
    "نیم\u{200c}.png",
    "\u{202e}.png",
    "q.exe",
];

/// An archive: entries with something wrong or nothing, then bytes that something happened to or nothing.
fn archive(dice: &mut Dice) -> Vec<u8> {
    let mut entries = vec![Raw::deflated("top/p.aep", PROJECT)];
    for _ in 0..dice.below(6) {
        let mut entry = entry(dice);
        if dice.one_in(6) {
            spoil(&mut entry, dice);
        }
        entries.push(entry);
    }
    let at = dice.below(entries.len());
    entries.swap(0, at);
    let zip = raw::zip(&entries);
    let spots = [zip.directory_at, zip.end_at];
    let mut bytes = zip.bytes;
    if dice.one_in(2) {
        for _ in 0..=dice.below(3) {
            mutate(&mut bytes, &spots, dice);
        }
    }
    bytes
}

fn entry(dice: &mut Dice) -> Raw {
    let name = match dice.one_in(2) {
        true => (*dice.pick(&NAMES)).to_owned(),
        false => format!("top/{}.png", dice.below(50)),
    };
    let content: Vec<u8> = match dice.below(8) {
        0 => font::font("Some-Font"),
        1 => format!(r#"{{"version":1,"project":"p.aep","links":[{{"path":"/a","windows":false,"file":"{}","sequence":false}}]}}"#, dice.pick(&NAMES)).into_bytes(),
        2 => vec![0; dice.below(200 << 10)],
        3 => PROJECT.to_vec(),
        _ => (0..dice.below(400)).map(|_| (dice.roll() >> 56) as u8).collect(),
    };
    let name = match dice.below(12) {
        0 => LINKS_FILE.to_owned(),
        1 => "(Fonts)/f.ttf".to_owned(),
        _ => name,
    };
    let entry = match dice.one_in(2) {
        true => Raw::deflated(&name, &content),
        false => Raw::stored(&name, &content),
    };
    let entry = match dice.below(4) {
        0 => entry.streamed(true),
        1 => entry.streamed(false),
        _ => entry,
    };
    match dice.one_in(3) {
        true => entry.mode(0o100_644),
        false => entry,
    }
}

fn spoil(entry: &mut Raw, dice: &mut Dice) {
    let word = (dice.roll() >> 48) as u16;
    let wide = *dice.pick(&[0, 1, 0xffff, 0x7fff_ffff, 0xffff_fffe, u32::MAX]);
    match dice.below(12) {
        0 => entry.flags ^= 1 << (word % 16),
        1 => entry.method = word % 100,
        2 => entry.crc ^= 1,
        3 => entry.unpacked_bytes = u64::from(wide),
        4 => entry.packed_bytes = u64::from(wide),
        5 => entry.local_sizes = Some((wide, wide)),
        6 => entry.attributes = u32::from(word) << 16,
        7 => entry.offset = Some(u32::from(word) % 400),
        8 => entry.local_name = Some(dice.pick(&NAMES).as_bytes().to_vec()),
        9 => {
            entry.extra = raw::extra(
                word % 2 * 0x7074 + 1,
                &wide.to_le_bytes().repeat(usize::from(word % 7)),
            )
        }
        10 => {
            let at = dice.below(entry.packed.len().max(1));
            if let Some(byte) = entry.packed.get_mut(at) {
                *byte ^= 0x55;
            }
        }
        _ => entry.name.push((word >> 8) as u8),
    }
}

fn mutate(bytes: &mut Vec<u8>, spots: &[usize], dice: &mut Dice) {
    // the end and the directory are where one byte means most
    let at = match dice.one_in(2) {
        true => (dice.pick(spots) + dice.below(60)).min(bytes.len() - 1),
        false => dice.below(bytes.len()),
    };
    match dice.below(6) {
        0 | 1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = (dice.roll() >> 56) as u8;
            }
        }
        2 => {
            let value = *dice.pick(&[0, 1, 0xffff, 0xffff_ffff_u32]);
            let end = (at + 4).min(bytes.len());
            for (byte, new) in bytes[at..end].iter_mut().zip(value.to_le_bytes()) {
                *byte = new;
            }
        }
        3 => bytes.truncate(at),
        4 => {
            let from = dice.below(bytes.len());
            let end = (from + dice.below(100)).min(bytes.len());
            let copy = bytes[from..end].to_vec();
            bytes.splice(at..at, copy);
        }
        _ => {
            let end = (at + dice.below(20)).min(bytes.len());
            bytes.drain(at..end);
        }
    }
    if bytes.is_empty() {
        bytes.push(b'P');
    }
}
