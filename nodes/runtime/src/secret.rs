//! Key files: read with care, never shown, never recorded.

use crate::config::ConfigError;
use sha2::{Digest as _, Sha256};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// A key has at least as many bytes: those of the SHA-256 it is used with (RFC 2104, section 3).
pub const SECRET_LEAST: u64 = 32;
/// And at most as many: whatever is longer is no key.
pub const SECRET_MOST: u64 = 4096;
/// Permissions that nobody but the owner may have.
const OTHERS: u32 = 0o077;

/// The bytes of a key file. What may be shown and recorded is [`Secret::record`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Reads a key file, which holds the key's bytes and nothing else.
    ///
    /// # Errors
    /// When it cannot be read, has too few or too many bytes, or others than its owner have any access to it.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let wrap = |cause| ConfigError::Read { path: path.to_owned(), cause };
        // The file that is judged is the one that is read.
        let file = std::fs::OpenOptions::new().read(true).open(path).map_err(wrap)?;
        let mode = file.metadata().map_err(wrap)?.permissions().mode();
        if mode & OTHERS != 0 {
            return Err(ConfigError::Exposed { path: path.to_owned(), mode: mode & 0o777 });
        }
        let mut bytes = Vec::new();
        file.take(SECRET_MOST + 1).read_to_end(&mut bytes).map_err(wrap)?;
        let length = bytes.len() as u64;
        if !(SECRET_LEAST..=SECRET_MOST).contains(&length) {
            return Err(ConfigError::KeyLength { path: path.to_owned(), bytes: length });
        }
        Ok(Self(bytes))
    }

    /// The key itself.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Tells keys apart without giving them away: `sha256:` and the digest in hexadecimal.
    pub fn record(&self) -> String {
        let digest = Sha256::digest(&self.0);
        digest.iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({})", self.record())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Resources;
    use std::fs::Permissions;

    fn key_file(length: usize, mode: u32) -> (tempfile::TempDir, Result<Secret, ConfigError>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("permit.key");
        std::fs::write(&path, vec![b'k'; length]).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let read = Secret::read(&path);
        (folder, read)
    }

    #[test]
    fn a_key_is_read_when_nobody_else_can() {
        for mode in [0o600, 0o400] {
            assert_eq!(key_file(32, mode).1.unwrap().bytes(), [b'k'; 32]);
        }
        for mode in [0o640, 0o604, 0o660, 0o602, 0o610, 0o601, 0o644] {
            let error = key_file(32, mode).1.unwrap_err().to_string();
            assert!(
                error.contains("permit.key: its permissions") && error.contains(&format!("{mode:o}")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_key_that_is_no_key_is_refused() {
        for (length, says) in [(0, "0 bytes"), (31, "31 bytes"), (4097, "4097 bytes")] {
            let error = key_file(length, 0o600).1.unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("32"), "{error}");
        }
        assert!(Secret::read(Path::new("/nowhere/permit.key")).is_err());
    }

    #[test]
    fn a_key_is_neither_shown_nor_recorded() {
        let secret = key_file(40, 0o600).1.unwrap();
        let mut resources = Resources::new();
        resources.insert_secret("permit_key", secret.clone(), "here".into());
        let recorded: Vec<_> = resources.iter().collect();
        assert_eq!(recorded, [("permit_key", secret.record().as_str())]);
        assert_eq!(secret.record().len(), "sha256:".len() + 64);
        for text in [format!("{secret:?}"), format!("{resources:?}"), secret.record()] {
            assert!(!text.contains("kkkk") && !text.contains("107, 107"), "{text}");
        }
        assert_eq!(resources.secret("permit_key"), Some(&secret));
    }

    #[test]
    fn a_recorded_key_is_given_back_only_the_same() {
        let (right, wrong) = (key_file(40, 0o600).1.unwrap(), key_file(41, 0o600).1.unwrap());
        let mut resources = Resources::new();
        resources.insert("permit_key", right.record(), "a bag".into());
        assert_eq!(resources.secret("permit_key"), None);
        let error = resources.unlock("permit_key", &wrong).unwrap_err().to_string();
        assert!(error.contains(&right.record()) && error.contains(&wrong.record()), "{error}");
        assert_eq!(resources.secret("permit_key"), None);
        resources.unlock("permit_key", &right).unwrap();
        assert_eq!(resources.secret("permit_key"), Some(&right));
    }
}
