//! Formats of other tools that cnnstat does not read, recognised by their content.
//!
//! A file of another tool is named for what it is before anything reads it as YAML. Reading is bounded: the first
//! [`HEAD`] bytes, and of a zip archive the names in its directory.

mod text;
mod wire;
mod zip;

use std::io::{self, Read, Seek, SeekFrom};

/// How many bytes at the beginning of a file are looked at.
pub const HEAD: u64 = 64 << 10;

/// Whether a file can be of a format.
type Check = fn(&Excerpt) -> bool;

/// A format that is recognised and not read.
#[derive(Debug)]
pub struct Foreign {
    /// The name of the format: `ONNX`.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests ask for it"))]
    pub name: &'static str,
    /// What a file of it is, with its article: `an ONNX model`.
    what: &'static str,
    /// What to do instead, in a clause.
    advice: &'static str,
    /// Whether the content is of this format beyond doubt.
    is: Check,
    /// An ending of names that settles the doubt, and whether the content admits the format.
    by_name: Option<(&'static str, Check)>,
}

impl Foreign {
    /// What a file is, that cnnstat does not read it, and what to do, in one sentence.
    pub fn sentence(&self, file: &str) -> String {
        format!("`{file}` is {}, which cnnstat does not read: {}", self.what, self.advice)
    }
}

/// Where one learns to follow the advice.
pub const HELP: &str =
    "`cnnstat expand alexnet` prints an example; docs/language.md explains the language";

const DESCRIBE: &str = "describe the network in cnnstat's own language";
const DESCRIBE_USER: &str = "it holds weights and no layers; describe the network that they belong to in cnnstat's own language";
const DESCRIBE_LINES: &str = "write each layer as a line of a description, `Conv2d(3, 64, kernel_size=(3, 3))` as `conv2d(64, 3)`";
const DESCRIBE_CODE: &str = "describe the network in cnnstat's own language, a line for each layer";

/// All formats, in the order in which they are tried: TorchScript is an archive of `torch.save` with code.
pub const FORMATS: &[Foreign] = &[
    Foreign {
        name: "HDF5",
        what: "an HDF5 file, as Keras writes .h5",
        advice: DESCRIBE,
        is: is_hdf5,
        by_name: None,
    },
    Foreign {
        name: "TFLite",
        what: "a TensorFlow Lite model",
        advice: DESCRIBE,
        is: |file| file.head.get(4..8) == Some(b"TFL3"),
        by_name: None,
    },
    Foreign {
        name: "pt2",
        what: "a program exported by torch.export (.pt2)",
        advice: DESCRIBE,
        is: |file| {
            file.has("archive_format")
                || file.has("serialized_exported_program.json")
                || file.has_in("models", ".json")
        },
        by_name: None,
    },
    Foreign {
        name: "TorchScript",
        what: "a TorchScript archive",
        advice: DESCRIBE,
        is: |file| file.has("constants.pkl") && file.has_in("code", ""),
        by_name: None,
    },
    Foreign {
        name: "torch.save",
        what: "a checkpoint written by torch.save",
        advice: DESCRIBE_USER,
        is: |file| file.has("data.pkl") || is_old_checkpoint(&file.head),
        by_name: None,
    },
    Foreign {
        name: "Keras archive",
        what: "a Keras model (.keras)",
        advice: DESCRIBE,
        is: |file| file.has("config.json") && file.has("metadata.json"),
        by_name: None,
    },
    Foreign {
        name: "safetensors",
        what: "a safetensors file",
        advice: DESCRIBE_USER,
        is: |file| is_safetensors(&file.head) || file.is_text(text::is_safetensors_index),
        by_name: None,
    },
    Foreign {
        name: "ONNX",
        what: "an ONNX model",
        advice: DESCRIBE,
        is: |file| wire::is_onnx(&file.head),
        by_name: Some((".onnx", |file| wire::may_be_onnx(&file.head))),
    },
    Foreign {
        name: "Keras JSON",
        what: "a Keras model as JSON",
        advice: DESCRIBE,
        is: |file| file.is_text(text::is_keras),
        by_name: None,
    },
    Foreign {
        name: "Caffe",
        what: "a Caffe prototxt",
        advice: DESCRIBE,
        is: |file| file.is_text(text::is_caffe),
        by_name: Some((".prototxt", |file| file.is_text(|_| true))),
    },
    Foreign {
        name: "Darknet",
        what: "a Darknet cfg",
        advice: DESCRIBE,
        is: |file| file.is_text(text::is_darknet),
        by_name: None,
    },
    Foreign {
        name: "print(model)",
        what: "a model as PyTorch prints it",
        advice: DESCRIBE_LINES,
        is: |file| file.is_text(text::is_printed),
        by_name: None,
    },
    Foreign {
        name: "Python",
        what: "Python source",
        advice: DESCRIBE_CODE,
        is: |file| file.is_text(text::is_python),
        by_name: Some((".py", |file| file.is_text(|_| true))),
    },
];

/// The format of a file, if it is one of another tool. The content decides; `name` settles what the content leaves open.
///
/// # Errors
/// What reading gives.
pub fn recognise(
    name: &str,
    bytes: &mut (impl Read + Seek),
) -> io::Result<Option<&'static Foreign>> {
    let file = Excerpt::of(bytes)?;
    let name = name.to_ascii_lowercase();
    let admits = |format: &&Foreign| {
        format.by_name.is_some_and(|(ending, admits)| name.ends_with(ending) && admits(&file))
    };
    let certain = FORMATS.iter().find(|format| (format.is)(&file));
    Ok(certain.or_else(|| FORMATS.iter().find(admits)))
}

/// What is looked at of a file.
#[derive(Debug, Default)]
struct Excerpt {
    head: Vec<u8>,
    /// The head as text, unless it holds what no text does or is a description.
    text: Option<String>,
    /// Names in the directory of a zip archive.
    entries: Vec<String>,
}

impl Excerpt {
    fn of(bytes: &mut (impl Read + Seek)) -> io::Result<Self> {
        bytes.seek(SeekFrom::Start(0))?;
        let mut head = Vec::new();
        bytes.by_ref().take(HEAD).read_to_end(&mut head)?;
        if head.starts_with(zip::LOCAL) {
            let entries = zip::names(bytes, &head)?;
            return Ok(Self { head, text: None, entries });
        }
        let text = (!head.contains(&0)).then(|| String::from_utf8_lossy(&head).into_owned());
        let text = text.filter(|text| !text::is_description(text) && !text.trim().is_empty());
        Ok(Self { head, text, entries: Vec::new() })
    }

    fn is_text(&self, holds: impl Fn(&str) -> bool) -> bool {
        self.text.as_deref().is_some_and(|text| holds(text.trim_start_matches('\u{feff}')))
    }

    /// Whether the archive has an entry at its root or in its only folder.
    fn has(&self, entry: &str) -> bool {
        self.entries.iter().any(|name| name == entry || below_root(name) == entry)
    }

    /// Whether the archive has an entry in a folder below its only folder.
    fn has_in(&self, folder: &str, ending: &str) -> bool {
        self.entries.iter().any(|name| {
            let within = below_root(name).strip_prefix(folder);
            within.is_some_and(|rest| rest.starts_with('/') && rest.ends_with(ending))
        })
    }
}

/// An entry's path without its first folder, which is named after the file that was saved.
fn below_root(entry: &str) -> &str {
    entry.split_once('/').map_or("", |(_, rest)| rest)
}

/// The signature, at the beginning or behind a user block of 512 bytes, 1024, 2048 and so on.
fn is_hdf5(file: &Excerpt) -> bool {
    let blocks = std::iter::successors(Some(512_usize), |at| at.checked_mul(2));
    let places = std::iter::once(0).chain(blocks).take_while(|at| *at < file.head.len());
    places.into_iter().any(|at| file.head[at..].starts_with(b"\x89HDF\r\n\x1a\n"))
}

/// A pickle that begins with the magic number of `torch.save` before its zip archives.
fn is_old_checkpoint(head: &[u8]) -> bool {
    const MAGIC: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
    let start = &head[..head.len().min(32)];
    start.first() == Some(&0x80) && start.windows(MAGIC.len()).any(|bytes| bytes == MAGIC)
}

/// The length of a header in eight bytes, at most 100 MB as the format has it, then a JSON object.
fn is_safetensors(head: &[u8]) -> bool {
    const LONGEST: u64 = 100_000_000;
    let Some((length, rest)) = head.split_first_chunk::<8>() else { return false };
    let length = u64::from_le_bytes(*length);
    let after = rest.get(1).is_none_or(|byte| b"\" }\n\r\t".contains(byte));
    (2..=LONGEST).contains(&length) && rest.first() == Some(&b'{') && after
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Cursor;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn format_of(name: &str, bytes: &[u8]) -> Option<&'static str> {
        recognise(name, &mut Cursor::new(bytes)).unwrap().map(|format| format.name)
    }

    fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let files = paths.filter(|path| path.is_file());
        files.map(|p| (p.to_string_lossy().into_owned(), fs::read(&p).unwrap())).collect()
    }

    #[test]
    fn no_description_is_of_another_format() {
        for folder in ["models", "tests/fixtures/ops", "tests/fixtures/bad"] {
            for (name, bytes) in files(folder) {
                assert_eq!(format_of(&name, &bytes), None, "{name}");
            }
        }
        // JSON is YAML; a description may quote anything; its name does not count.
        for text in [
            "{\"model\": \"m\", \"input\": [3, 8, 8], \"layers\": [\"relu\"]}",
            "model: m\nabout: |\n  import torch\n  class Net(nn.Module):\n  layer { type: \"Conv\" }\nlayers:\n  - relu\n",
            "# Net(\n#   (a): Conv2d(3, 8)\nmodel: m\ninput: [3, 8, 8]\nlayers: [relu]\n",
        ] {
            for name in ["net.yaml", "net.py", "net.onnx", "net.prototxt"]
                .iter()
                .take(if text.starts_with('{') { 1 } else { 4 })
            {
                assert_eq!(format_of(name, text.as_bytes()), None, "{name}: {text}");
            }
        }
    }

    #[test]
    fn other_texts_and_archives_are_of_no_format() {
        for bytes in [
            &b""[..],
            b" \n",
            b"PK\x03\x04",
            b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR",
            b"\x08",
            b"\x08\x01\x12\x03abc",
            b"# Title\n\nSome words from a page import nothing.\n\nimport torch\n",
            b"[package]\nname = \"net\"\n",
            b"{\"config\": 1}",
            b"caf\xe9\n",
        ] {
            assert_eq!(format_of("x", bytes), None, "{:?}", String::from_utf8_lossy(bytes));
        }
        // An empty file is empty whatever its name.
        assert_eq!(format_of("net.py", b"\n"), None);
    }

    #[test]
    fn a_name_decides_only_what_the_content_leaves_open() {
        assert_eq!(format_of("net.onnx", b"\x08\x07"), Some("ONNX"));
        assert_eq!(format_of("net.bin", b"\x08\x07"), None);
        assert_eq!(format_of("NET.PY", b"print('x')\n"), Some("Python"));
        assert_eq!(format_of("solver.prototxt", b"base_lr: 0.01\n"), Some("Caffe"));
        assert_eq!(format_of("net.py", b"\x1c\0\0\0TFL3\0\0\0\0"), Some("TFLite"));
        assert_eq!(format_of("net.h5", b"import torch\n"), Some("Python"));
    }

    #[test]
    fn forms_of_the_texts() {
        for (format, text) in [
            ("Darknet", "\r\n; comment\r\n[ net ]\r\nwidth = 416\r\n"),
            ("Darknet", "[convolutional]\nfilters=8\n"),
            ("Caffe", "name: \"x\"\nlayers\n{\n}\n"),
            ("print(model)", ">>> print(m)\nNet(\n  (0-3): 4 x Block(\n"),
            ("Keras JSON", "\u{feff}{\"keras_version\": \"2.1\", \"class_name\": \"Model\""),
            ("safetensors", "{\"metadata\": {\"a\": 1}, \"weight_map\": {}}"),
            ("Python", "#!/usr/bin/env python\n'''Words\nmore words\n'''\nfrom . import net\n"),
            ("Python", "@dataclass\nclass Net:\n    a: int\n"),
            ("Python", "seed = 1\n\nasync def main():\n    pass\n"),
        ] {
            assert_eq!(format_of("x", text.as_bytes()), Some(format), "{text}");
        }
    }

    /// A zip archive whose directory begins beyond 4 GB by its end record, as `torch.save` writes large ones.
    #[test]
    fn the_directory_of_a_large_archive_is_found() {
        let mut bytes = b"PK\x03\x04".to_vec();
        bytes.resize(200 << 10, 0);
        let start = bytes.len() as u64;
        let name = b"net/data.pkl";
        bytes.extend(b"PK\x01\x02");
        bytes.extend([0; 24]);
        bytes.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        bytes.extend([0; 16]);
        bytes.extend(name);
        let size = bytes.len() as u64 - start;
        let record = bytes.len() as u64;
        bytes.extend(b"PK\x06\x06");
        bytes.extend([0; 36]);
        bytes.extend(size.to_le_bytes());
        bytes.extend(start.to_le_bytes());
        bytes.extend(b"PK\x06\x07\0\0\0\0");
        bytes.extend(record.to_le_bytes());
        bytes.extend([1, 0, 0, 0]);
        bytes.extend(b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0");
        assert_eq!(format_of("x", &bytes), Some("torch.save"));
    }

    /// An archive of 2⁶² bytes, of which every byte can be read; counts how many are.
    struct Endless {
        at: u64,
        read: u64,
    }

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            for byte in &mut *buffer {
                *byte = b"PK\x03\x04PK\x05\x06"[usize::try_from(self.at % 8).unwrap()];
                self.at += 1;
            }
            self.read += buffer.len() as u64;
            Ok(buffer.len())
        }
    }

    impl Seek for Endless {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.at = match to {
                SeekFrom::Start(at) => at,
                SeekFrom::End(_) => 1 << 62,
                SeekFrom::Current(_) => self.at,
            };
            Ok(self.at)
        }
    }

    #[test]
    fn reading_is_bounded() {
        let mut endless = Endless { at: 0, read: 0 };
        assert!(recognise("x", &mut endless).unwrap().is_none());
        assert!(endless.read < 2 << 20, "{}", endless.read);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            start in prop::sample::select(vec![&b""[..], b"PK\x03\x04", b"\x08\x08", b"\x80\x02", b"{\"", b"[net]", b"Net(\n"]),
            middle in prop::collection::vec(any::<u8>(), 0..400),
            end in prop::sample::select(vec![&b""[..], b"PK\x05\x06", b"PK\x06\x07", b"PK\x01\x02"]),
            rest in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let bytes = [start, &middle, end, &rest].concat();
            let _ = format_of("x.onnx", &bytes);
        }

        #[test]
        fn no_damage_makes_it_panic(which in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let files = files("tests/fixtures/foreign");
            let (name, mut bytes) = files[which.index(files.len())].clone();
            let damaged = at.index(bytes.len());
            bytes[damaged] = byte;
            bytes.truncate(cut.index(bytes.len() + 1));
            let _ = format_of(&name, &bytes);
        }
    }
}
