//! Where the pipeline's files are: the operating system's, or in tests one that fails.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// A file that is being written.
pub trait VolumeFile: Write + Send {
    /// Cuts the file to this length and goes on writing there.
    ///
    /// # Errors
    /// The operating system's.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Waits until the device has everything.
    ///
    /// # Errors
    /// The operating system's.
    fn sync(&mut self) -> io::Result<()>;
}

/// Makes files.
pub trait Volume: Send {
    /// A new file; one that exists is an error.
    ///
    /// # Errors
    /// The operating system's.
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn VolumeFile>>;

    /// Removes a file.
    ///
    /// # Errors
    /// The operating system's.
    fn remove(&mut self, path: &Path) -> io::Result<()>;

    /// Writes a small file as a whole, in place of one that is there.
    ///
    /// # Errors
    /// The operating system's.
    fn write_whole(&mut self, path: &Path, text: &str) -> io::Result<()>;
}

/// The operating system's files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl VolumeFile for File {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)?;
        io::Seek::seek(self, io::SeekFrom::Start(length)).map(drop)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

impl Volume for Disk {
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn VolumeFile>> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Box::new(file))
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn write_whole(&mut self, path: &Path, text: &str) -> io::Result<()> {
        let beside = path.with_extension("yaml.part");
        fs::write(&beside, text)?;
        fs::rename(&beside, path)
    }
}
