//! Configuration: one typed YAML a node, unknown keys refused, and every file that went into a node kept for the bag.

use crate::secret::{SECRET_LEAST, SECRET_MOST, Secret};
use garde::Validate;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("{}: {cause}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The file is larger than a configuration can be.
    #[error("{}: {bytes} bytes are more than the {limit} that a configuration file may have", path.display(), limit = SIZE_LIMIT)]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// Its content is not what the node takes.
    #[error("{name}: {message}")]
    Content {
        /// Which file or role.
        name: String,
        /// Line, column, key and what was expected.
        message: String,
    },
    /// Others than its owner have access to a key file.
    #[error("{}: its permissions are {mode:o}: a key file is for its owner alone (chmod 600)", path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A key file holds no key.
    #[error("{}: {bytes} bytes are no key: it has {SECRET_LEAST} to {SECRET_MOST} random bytes (head -c 32 /dev/urandom)", path.display())]
    KeyLength {
        /// Which file.
        path: PathBuf,
        /// How many it has, as far as it was read.
        bytes: u64,
    },
    /// A key is not the one that was recorded.
    #[error("the key given for `{role}` is {given}, that of the record {recorded}")]
    OtherKey {
        /// What it is for.
        role: String,
        /// What was given.
        given: String,
        /// What was recorded.
        recorded: String,
    },
    /// A node was given too little.
    #[error("the node `{node}` needs a `{role}` file and was given none")]
    Missing {
        /// Which node.
        node: String,
        /// Which file.
        role: String,
    },
}

/// The largest configuration file that is read, in bytes.
pub const SIZE_LIMIT: u64 = 16 << 20;

/// The files of a folder whose names end in `.extension`, by name.
///
/// # Errors
/// When the folder cannot be read.
pub fn list(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, ConfigError> {
    let wrap = |cause| ConfigError::Read { path: folder.to_owned(), cause };
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).map_err(wrap)? {
        let path = entry.map_err(wrap)?.path();
        if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Reads a text file.
///
/// # Errors
/// When it cannot be read, is not UTF-8, or is too large.
#[allow(clippy::disallowed_types, reason = "configuration files are read here, outside the cores")]
pub fn read(path: &Path) -> Result<String, ConfigError> {
    let wrap = |cause| ConfigError::Read { path: path.to_owned(), cause };
    let file = std::fs::File::open(path).map_err(wrap)?;
    let length = file.metadata().map_err(wrap)?.len();
    let mut bytes = Vec::new();
    // A device says that it has none, and may have no end.
    file.take(SIZE_LIMIT + 1).read_to_end(&mut bytes).map_err(wrap)?;
    let read = bytes.len() as u64;
    if read > SIZE_LIMIT {
        return Err(ConfigError::TooLarge { path: path.to_owned(), bytes: length.max(read) });
    }
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let line = 1 + e.as_bytes().iter().take(at).filter(|b| **b == b'\n').count();
        let message = format!("line {line}: it is not UTF-8: byte {at} of the file begins no character");
        ConfigError::Content { name: path.display().to_string(), message }
    })
}

/// A validated value from YAML; `name` is for error messages.
///
/// # Errors
/// Names line, column and key of what is unknown, missing or out of range.
pub fn parse<T>(name: &str, text: &str) -> Result<T, ConfigError>
where
    T: DeserializeOwned + Validate,
    T::Context: Default,
{
    outrider_yaml::from_str_valid(text).map_err(|e| content(name, &e))
}

/// As [`parse`], for types that check themselves.
///
/// # Errors
/// As [`parse`].
pub fn parse_unchecked<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, ConfigError> {
    outrider_yaml::from_str(text).map_err(|e| content(name, &e))
}

/// As [`parse_unchecked`], for values of which the type is not known: `true` and `false` alone are truth values, `off` and `yes`
/// are words, as whoever reads them later takes them.
///
/// # Errors
/// As [`parse`].
pub fn parse_value<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, ConfigError> {
    let options = outrider_yaml::options! { strict_booleans: true };
    outrider_yaml::from_str_with_options(text, options).map_err(|e| content(name, &e))
}

/// What the reader of YAML advises whoever calls it: nothing that the author of a file can follow.
const HINTS: [&str; 2] = [
    ", set DuplicateKeyPolicy in Options if acceptable",
    "; use from_str_multiple or from_str_multiple_with_options",
];

fn content(name: &str, error: &outrider_yaml::Error) -> ConfigError {
    let message = HINTS.iter().fold(error.to_string(), |text, hint| text.replace(hint, ""));
    ConfigError::Content { name: name.to_owned(), message }
}

/// Every file that goes into a node, by role (`config`, `robot`, `tree`, …): enough to start the same node again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    contents: BTreeMap<String, String>,
    origins: BTreeMap<String, String>,
    /// By role. Their contents are their records.
    secrets: BTreeMap<String, Secret>,
}

impl Resources {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a content; `origin` is where it came from, for error messages.
    pub fn insert(&mut self, role: &str, content: String, origin: String) {
        self.contents.insert(role.to_owned(), content);
        self.origins.insert(role.to_owned(), origin);
    }

    /// Adds the content of a file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn insert_file(&mut self, role: &str, path: &Path) -> Result<(), ConfigError> {
        self.insert(role, read(path)?, path.display().to_string());
        Ok(())
    }

    /// Adds a key. Its content, which ends up in bags, is its record only.
    pub fn insert_secret(&mut self, role: &str, secret: Secret, origin: String) {
        self.insert(role, secret.record(), origin);
        self.secrets.insert(role.to_owned(), secret);
    }

    /// Gives back the key of a role whose record is here.
    ///
    /// # Errors
    /// When it is another key.
    pub fn unlock(&mut self, role: &str, secret: &Secret) -> Result<(), ConfigError> {
        let (recorded, given) = (self.contents.get(role).cloned().unwrap_or_default(), secret.record());
        if recorded != given {
            return Err(ConfigError::OtherKey { role: role.to_owned(), given, recorded });
        }
        self.secrets.insert(role.to_owned(), secret.clone());
        Ok(())
    }

    /// The key of a role; `None` when only its record is here.
    pub fn secret(&self, role: &str) -> Option<&Secret> {
        self.secrets.get(role)
    }

    /// The content of a role and where it came from.
    ///
    /// # Errors
    /// When there is none.
    pub fn get<'a>(&'a self, node: &str, role: &'a str) -> Result<(&'a str, &'a str), ConfigError> {
        let missing = || ConfigError::Missing { node: node.to_owned(), role: role.to_owned() };
        let content = self.contents.get(role).ok_or_else(missing)?;
        Ok((content, self.origins.get(role).map_or(role, String::as_str)))
    }

    /// Role and content, by role.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.contents.iter().map(|(role, content)| (role.as_str(), content.as_str()))
    }

    /// SHA-256 over roles and contents.
    pub fn hash(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        for part in self.contents.iter().flat_map(|(role, content)| [role, content]) {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize, Validate)]
    #[serde(deny_unknown_fields)]
    struct Example {
        #[garde(range(min = 0.001, max = 1.0))]
        period_s: f64,
    }

    #[test]
    fn errors_name_file_line_and_key() {
        assert!((parse::<Example>("x.yaml", "period_s: 0.01\n").unwrap().period_s - 0.01).abs() < 1e-12);
        let unknown = parse::<Example>("x.yaml", "period_s: 0.01\nperoid: 1\n").unwrap_err().to_string();
        assert!(
            unknown.contains("x.yaml") && unknown.contains("peroid") && unknown.contains('2'),
            "{unknown}"
        );
        let range = parse::<Example>("x.yaml", "period_s: 0\n").unwrap_err().to_string();
        assert!(range.contains("period_s") && range.contains("x.yaml"), "{range}");
        for bad in [".nan", ".inf", "-.inf", ".NaN", "!!float .nan", "+.inf"] {
            let text = format!("# so .nan is fine\nperiod_s: {bad} # here not\n");
            let error = parse::<Example>("x.yaml", &text).unwrap_err().to_string();
            assert!(
                error.starts_with("x.yaml: ")
                    && error.contains("is not a finite number")
                    && error.contains('2'),
                "{error}"
            );
            let error = parse_value::<BTreeMap<String, f64>>("x.yaml", &text).unwrap_err().to_string();
            assert!(error.contains("is not a finite number"), "{error}");
        }
        let words =
            parse_value::<BTreeMap<String, Word>>("x.yaml", "a: what if .nan comes\nb: |\n  .inf\n").unwrap();
        assert_eq!(words["a"], Word::Text("what if .nan comes".into()));
        let missing = parse::<Example>("x.yaml", "{}\n").unwrap_err().to_string();
        assert!(missing.contains("period_s"), "{missing}");
    }

    #[test]
    fn words_of_values_stay_words() {
        let of = |text: &str| parse_value::<BTreeMap<String, Word>>("x.yaml", text).unwrap();
        assert_eq!(of("mode: off")["mode"], Word::Text("off".into()));
        assert_eq!(of("mode: true")["mode"], Word::Truth(true));
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(untagged)]
    enum Word {
        Truth(bool),
        Text(String),
    }

    #[test]
    fn errors_have_no_hints_for_programmers() {
        for (text, words) in [
            ("period_s: 0.1\nperiod_s: 0.2\n", "duplicate mapping key"),
            ("period_s: 0.1\n---\nperiod_s: 0.2\n", "documents"),
        ] {
            let unchecked = parse_unchecked::<Example>("x.yaml", text).unwrap_err().to_string();
            for error in [parse::<Example>("x.yaml", text).unwrap_err().to_string(), unchecked] {
                let hints = ["Options", "from_str"].iter().any(|word| error.contains(word));
                assert!(error.contains(words) && !hints, "{error}");
            }
        }
    }

    #[test]
    fn a_file_without_end_is_refused() {
        let error = read(Path::new("/dev/zero")).unwrap_err().to_string();
        assert!(error.starts_with("/dev/zero: ") && error.contains("more than the 16777216"), "{error}");
    }

    #[test]
    fn what_is_not_utf8_is_refused_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.yaml");
        std::fs::write(&path, b"id: x\ndescription: \xff\n").unwrap();
        let error = read(&path).unwrap_err().to_string();
        let expected = "x.yaml: line 2: it is not UTF-8: byte 19 of the file begins no character";
        assert!(error.ends_with(expected), "{error}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read(Path::new("/nowhere/gate.yaml")).unwrap_err().to_string();
        assert!(error.starts_with("/nowhere/gate.yaml: "), "{error}");
        let error = Resources::new().get("planner", "tree").unwrap_err().to_string();
        assert_eq!(error, "the node `planner` needs a `tree` file and was given none");
    }

    #[test]
    fn the_hash_depends_on_role_and_content() {
        let with = |role: &str, content: &str| {
            let mut r = Resources::new();
            r.insert(role, content.into(), "here".into());
            r.hash()
        };
        assert_eq!(with("config", "a"), with("config", "a"));
        assert_ne!(with("config", "a"), with("config", "b"));
        assert_ne!(with("config", "a"), with("tree", "a"));
    }
}
