//! TIFF files for tests, of every kind that the agent reads and some that it refuses.

use flatrender_protocol::Digest;

/// How the strips of a file are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Squeeze {
    None,
    Lzw,
    Deflate,
}

/// A picture and how it is written.
#[derive(Debug, Clone)]
pub struct TiffFile {
    pub width: u32,
    pub height: u32,
    pub channels: u8,
    pub bits: u8,
    /// Black is zero; 16-bit samples are little-endian pairs.
    pub samples: Vec<u8>,
    pub squeeze: Squeeze,
    pub predictor: bool,
    pub big_endian: bool,
    pub rows_per_strip: u32,
    pub directory_first: bool,
    pub white_is_zero: bool,
    pub extra_samples: Option<u16>,
}

impl TiffFile {
    /// Uncompressed, 8 bits, one strip, directory in front.
    pub fn plain(width: u32, height: u32, channels: u8, samples: Vec<u8>) -> Self {
        assert_eq!(
            samples.len(),
            (width * height) as usize * usize::from(channels)
        );
        Self {
            width,
            height,
            channels,
            bits: 8,
            samples,
            squeeze: Squeeze::None,
            predictor: false,
            big_endian: false,
            rows_per_strip: height,
            directory_first: true,
            white_is_zero: false,
            extra_samples: channels.is_multiple_of(2).then_some(2),
        }
    }

    /// What `Verified::pixels` is documented to be.
    pub fn pixels(&self) -> Digest {
        let mut bytes = Vec::new();
        bytes.extend(self.width.to_le_bytes());
        bytes.extend(self.height.to_le_bytes());
        bytes.extend([self.channels, self.bits]);
        bytes.extend(&self.samples);
        Digest::of(&bytes)
    }

    fn row_bytes(&self) -> usize {
        self.width as usize * usize::from(self.channels) * usize::from(self.bits / 8)
    }

    fn strip(&self, rows: &[u8]) -> Vec<u8> {
        let mut raw = rows.to_vec();
        let sample = usize::from(self.bits / 8);
        if self.white_is_zero {
            for pixel in raw.chunks_exact_mut(sample * usize::from(self.channels)) {
                pixel[..sample].iter_mut().for_each(|byte| *byte = !*byte);
            }
        }
        if self.predictor {
            for row in raw.chunks_exact_mut(self.row_bytes()) {
                self.differences(row);
            }
        }
        if self.big_endian && sample == 2 {
            raw.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
        }
        match self.squeeze {
            Squeeze::None => raw,
            Squeeze::Lzw => weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8)
                .encode(&raw)
                .unwrap(),
            Squeeze::Deflate => {
                use std::io::Write;
                let mut encoder =
                    flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(&raw).unwrap();
                encoder.finish().unwrap()
            }
        }
    }

    fn differences(&self, row: &mut [u8]) {
        let channels = usize::from(self.channels);
        if self.bits == 8 {
            for at in (channels..row.len()).rev() {
                row[at] = row[at].wrapping_sub(row[at - channels]);
            }
            return;
        }
        for at in (channels * 2..row.len()).step_by(2).rev() {
            let left = u16::from_le_bytes([row[at - channels * 2], row[at - channels * 2 + 1]]);
            let here = u16::from_le_bytes([row[at], row[at + 1]]);
            row[at..at + 2].copy_from_slice(&here.wrapping_sub(left).to_le_bytes());
        }
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> Vec<u8> {
        let strips: Vec<Vec<u8>> = self
            .samples
            .chunks(self.row_bytes() * self.rows_per_strip as usize)
            .map(|rows| self.strip(rows))
            .collect();
        let pixels: Vec<u8> = strips.concat();
        let lengths: Vec<u32> = strips.iter().map(|strip| strip.len() as u32).collect();
        let header = 8;
        // The directory's length does not depend on where the pixels are.
        let directory_bytes = self.directory(0, 0, &lengths).len() as u32;
        let (directory_at, pixels_at) = if self.directory_first {
            (header, header + directory_bytes)
        } else {
            (header + pixels.len() as u32, header)
        };
        let directory = self.directory(directory_at, pixels_at, &lengths);
        let mut out = if self.big_endian {
            b"MM\0*".to_vec()
        } else {
            b"II*\0".to_vec()
        };
        out.extend(self.u32(directory_at));
        if self.directory_first {
            out.extend([directory, pixels].concat());
        } else {
            out.extend([pixels, directory].concat());
        }
        out
    }

    fn directory(&self, at: u32, pixels_at: u32, lengths: &[u32]) -> Vec<u8> {
        let offsets: Vec<u32> = lengths
            .iter()
            .scan(pixels_at, |next, length| {
                let this = *next;
                *next += length;
                Some(this)
            })
            .collect();
        let photometric = match (self.channels, self.white_is_zero) {
            (1 | 2, true) => 0,
            (1 | 2, false) => 1,
            _ => 2,
        };
        let compression = match self.squeeze {
            Squeeze::None => 1,
            Squeeze::Lzw => 5,
            Squeeze::Deflate => 8,
        };
        let depths = vec![u32::from(self.bits); usize::from(self.channels)];
        let mut fields: Vec<(u16, u16, Vec<u32>)> = vec![
            (256, 4, vec![self.width]),
            (257, 4, vec![self.height]),
            (258, 3, depths),
            (259, 3, vec![compression]),
            (262, 3, vec![photometric]),
            (273, 4, offsets),
            (277, 3, vec![u32::from(self.channels)]),
            (278, 4, vec![self.rows_per_strip]),
            (279, 4, lengths.to_vec()),
        ];
        if self.predictor {
            fields.push((317, 3, vec![2]));
        }
        if let Some(meaning) = self.extra_samples {
            fields.push((338, 3, vec![u32::from(meaning)]));
        }
        self.write_fields(at, &fields)
    }

    fn write_fields(&self, at: u32, fields: &[(u16, u16, Vec<u32>)]) -> Vec<u8> {
        let behind = at + 2 + fields.len() as u32 * 12 + 4;
        let mut table = self.u16(fields.len() as u16).to_vec();
        let mut tail = Vec::new();
        for (tag, kind, values) in fields {
            let mut bytes: Vec<u8> = values
                .iter()
                .flat_map(|&value| {
                    if *kind == 3 {
                        self.u16(value as u16).to_vec()
                    } else {
                        self.u32(value).to_vec()
                    }
                })
                .collect();
            table.extend(self.u16(*tag));
            table.extend(self.u16(*kind));
            table.extend(self.u32(values.len() as u32));
            if bytes.len() <= 4 {
                bytes.resize(4, 0);
                table.extend(bytes);
            } else {
                table.extend(self.u32(behind + tail.len() as u32));
                tail.extend(bytes);
            }
        }
        table.extend(self.u32(0));
        table.extend(tail);
        table
    }

    fn u16(&self, value: u16) -> [u8; 2] {
        if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn u32(&self, value: u32) -> [u8; 4] {
        if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }
}
