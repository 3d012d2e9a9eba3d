//! What a node renders from: a folder made of layers. A bare project is one file; a package is a folder with footage; a
//! prepared project is both, with the media of its values and the project that After Effects saved on top.

use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::message::BlobRef;

/// A folder, and the project in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// What the folder is made of; files of later layers win.
    pub layers: Vec<Layer>,
    /// Path of the project within the folder, with `/` between names.
    pub project: String,
}

/// A part of the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// One file.
    File {
        /// Its bytes.
        blob: BlobRef,
        /// Its path within the folder, with `/` between names.
        name: String,
    },
    /// A package: all of its files, at their places.
    Package {
        /// The zip, as it came.
        blob: BlobRef,
        /// The digest of its normalised content: what a cache calls the unpacked folder.
        content: Digest,
    },
}

impl Layer {
    /// What is fetched for it.
    pub fn blob(&self) -> &BlobRef {
        match self {
            Self::File { blob, .. } | Self::Package { blob, .. } => blob,
        }
    }

    /// What a node's cache calls it.
    pub fn cached(&self) -> Digest {
        match self {
            Self::File { blob, .. } => blob.digest,
            Self::Package { content, .. } => *content,
        }
    }
}

impl Source {
    /// A project file by itself.
    pub fn bare(blob: BlobRef, file_name: &str) -> Self {
        Self {
            layers: vec![Layer::File {
                blob,
                name: file_name.to_owned(),
            }],
            project: file_name.to_owned(),
        }
    }

    /// Names the folder by what is in it, not by how it came: equal sources render equal frames.
    pub fn digest(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"flatrender source 1\n");
        let mut text = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        text(&self.project);
        for layer in &self.layers {
            match layer {
                Layer::File { name, .. } => text(name),
                // No file has an empty name.
                Layer::Package { .. } => text(""),
            }
            text(&layer.cached().to_string());
        }
        hasher.finalize().into()
    }

    /// Of two zips with the same content one is kept: from now on nodes fetch `kept` where they would have fetched `sent`.
    pub fn stand_in(&mut self, sent: &BlobRef, kept: &BlobRef) {
        for layer in &mut self.layers {
            if let Layer::Package { blob, .. } = layer
                && blob == sent
            {
                blob.clone_from(kept);
            }
        }
    }

    /// What a node's cache holds when nothing need be fetched.
    pub fn cached(&self) -> impl Iterator<Item = Digest> + '_ {
        self.layers.iter().map(Layer::cached)
    }

    /// What a node may fetch for it.
    pub fn blobs(&self) -> impl Iterator<Item = &BlobRef> {
        self.layers.iter().map(Layer::blob)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(of: &[u8]) -> BlobRef {
        BlobRef {
            digest: Digest::of(of),
            bytes: of.len() as u64,
        }
    }

    #[test]
    fn the_digest_tells_all_that_changes_a_frame_apart() {
        let bare = Source::bare(blob(b"a"), "a.aep");
        let package = |zip: &[u8], content: &[u8]| Layer::Package {
            blob: blob(zip),
            content: Digest::of(content),
        };
        let mut digests = vec![
            bare.digest(),
            Source::bare(blob(b"b"), "a.aep").digest(),
            Source::bare(blob(b"a"), "b.aep").digest(),
        ];
        let mut packed = bare.clone();
        packed.layers.insert(0, package(b"zip", b"content"));
        digests.push(packed.digest());
        packed.layers.reverse();
        digests.push(packed.digest());
        let all = digests.len();
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), all);
        // Packed again, and the same for all that.
        let zipped = |zip| Source {
            layers: vec![package(zip, b"content")],
            project: "a.aep".to_owned(),
        };
        assert_eq!(zipped(b"one").digest(), zipped(b"two").digest());
    }
}
