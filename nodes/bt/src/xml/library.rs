//! Files and what they include: the trees and models that they hold.

use super::document::{Element, parse};
use crate::error::{BtError, Position};
use crate::kind::Kind;
use crate::port::{Direction, Port};
use crate::registry::{Class, Manifest};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Most files that a tree may be in.
pub const INCLUDE_LIMIT: usize = 64;

/// What an `<include>` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// The path, with the folder of the including file in front unless it is of a package.
    pub path: PathBuf,
    /// The ROS package in whose share folder it lies.
    pub package: Option<String>,
}

/// Where the text of included files comes from: a core reads no files itself.
pub trait Files {
    /// The text of a file.
    ///
    /// # Errors
    /// With a sentence for people.
    fn read(&mut self, include: &Include) -> Result<String, String>;
}

/// There are no other files.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&mut self, include: &Include) -> Result<String, String> {
        Err(format!("{} can not be included: this tree is not read from a file", include.path.display()))
    }
}

impl<F: FnMut(&Include) -> Result<String, String>> Files for F {
    fn read(&mut self, include: &Include) -> Result<String, String> {
        self(include)
    }
}

/// A file that was read.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub file: String,
    pub root: Element,
}

/// The ports that a subtree asks for.
pub(crate) type SubtreeModel = BTreeMap<String, Option<String>>;

/// A tree by its name: which document, and which of its elements.
#[derive(Clone, Copy, Debug)]
struct Place {
    document: usize,
    element: usize,
}

/// The trees of a file and of what it includes.
#[derive(Clone, Debug)]
pub struct Library {
    /// In the order in which BehaviorTree.CPP looks at them: what is included comes first.
    documents: Vec<Document>,
    trees: BTreeMap<String, Place>,
    /// Names that more than one tree has; the last one counts.
    pub(super) again: Vec<(usize, String, Position)>,
    models: BTreeMap<String, SubtreeModel>,
}

impl Library {
    /// Reads a file's text and what it includes.
    ///
    /// # Errors
    /// When a file is no XML, is too large or too deep, includes itself, or can not be read.
    pub fn read(file: &str, text: &str, files: &mut dyn Files) -> Result<Self, BtError> {
        let mut library = Self {
            documents: Vec::new(),
            trees: BTreeMap::new(),
            again: Vec::new(),
            models: BTreeMap::new(),
        };
        let mut reading = Reading { files, open: vec![PathBuf::from(file)], count: 1 };
        library.add(file, text, &mut reading)?;
        library.name_trees()?;
        Ok(library)
    }

    fn add(&mut self, file: &str, text: &str, reading: &mut Reading<'_>) -> Result<(), BtError> {
        let root = parse(file, text)?;
        for include in root.all("include") {
            let error = |message: String| BtError::Load { file: file.to_owned(), at: include.at, message };
            let path = include.value("path");
            let path = path.ok_or_else(|| error("<include> needs the attribute path".to_owned()))?;
            let package = include.value("ros_pkg").filter(|_| !Path::new(path).is_absolute());
            let path = match package {
                Some(_) => PathBuf::from(path),
                None => Path::new(file).parent().unwrap_or(Path::new("")).join(path),
            };
            let wanted = Include { path, package: package.map(str::to_owned) };
            if reading.open.contains(&wanted.path) {
                return Err(error(format!("{} includes itself", wanted.path.display())));
            }
            reading.count += 1;
            if reading.count > INCLUDE_LIMIT {
                return Err(error(format!("more than {INCLUDE_LIMIT} files are included")));
            }
            let text = reading.files.read(&wanted).map_err(error)?;
            reading.open.push(wanted.path.clone());
            self.add(&wanted.path.display().to_string(), &text, reading)?;
            reading.open.pop();
        }
        self.documents.push(Document { file: file.to_owned(), root });
        Ok(())
    }

    fn name_trees(&mut self) -> Result<(), BtError> {
        let mut nameless = 0;
        for (index, document) in self.documents.iter().enumerate() {
            for models in document.root.all("TreeNodesModel") {
                for model in models.all("SubTree") {
                    let error = |at, message: &str| BtError::Load {
                        file: document.file.clone(),
                        at,
                        message: message.to_owned(),
                    };
                    let id = model.value("ID");
                    let id = id.ok_or_else(|| error(model.at, "<SubTree> needs the attribute ID"))?;
                    let ports = self.models.entry(id.to_owned()).or_default();
                    for port in model.children.iter().filter(|port| direction(&port.name).is_some()) {
                        let name = port.value("name");
                        let name = name.ok_or_else(|| error(port.at, "a port needs the attribute name"))?;
                        ports.insert(name.to_owned(), port.value("default").map(str::to_owned));
                    }
                }
            }
            for (element, tree) in document.root.children.iter().enumerate() {
                if tree.name != "BehaviorTree" {
                    continue;
                }
                let name = match tree.value("ID") {
                    Some(name) => name.to_owned(),
                    None => {
                        nameless += 1;
                        format!("BehaviorTree_{}", nameless - 1)
                    }
                };
                let place = Place { document: index, element };
                if self.trees.insert(name.clone(), place).is_some() {
                    self.again.push((index, name, tree.at));
                }
            }
        }
        Ok(())
    }

    pub(super) fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// A tree's element and the file that it is in.
    pub(super) fn tree(&self, name: &str) -> Option<(&Element, &str)> {
        let place = self.trees.get(name)?;
        let document = self.documents.get(place.document)?;
        Some((document.root.children.get(place.element)?, &document.file))
    }

    /// Names of the trees.
    pub fn trees(&self) -> impl Iterator<Item = &str> {
        self.trees.keys().map(String::as_str)
    }

    pub(super) fn model(&self, tree: &str) -> Option<&SubtreeModel> {
        self.models.get(tree)
    }

    /// The tree to be executed: the first file's attribute says which, else its only tree.
    ///
    /// # Errors
    /// When that does not tell.
    pub fn main(&self) -> Result<String, BtError> {
        // What includes the others comes last.
        let Some(first) = self.documents.last() else { return Err(self.no_main(None)) };
        if let Some(name) = first.root.value("main_tree_to_execute") {
            return Ok(name.to_owned());
        }
        let mut own = first.root.all("BehaviorTree");
        match (own.next(), own.next()) {
            (Some(tree), None) if tree.value("ID").is_some() => {
                Ok(tree.value("ID").unwrap_or_default().to_owned())
            }
            _ if self.trees.len() == 1 => Ok(self.trees.keys().next().cloned().unwrap_or_default()),
            _ => Err(self.no_main(Some(first))),
        }
    }

    fn no_main(&self, document: Option<&Document>) -> BtError {
        BtError::Load {
            file: document.map_or(String::new(), |document| document.file.clone()),
            at: document.map_or(Position::default(), |document| document.root.at),
            message: match self.trees.len() {
                0 => "there is no tree: <root> holds no <BehaviorTree>".to_owned(),
                _ => "there is more than one tree: main_tree_to_execute must say which to execute".to_owned(),
            },
        }
    }

    /// The kinds of nodes that the files describe in `TreeNodesModel`.
    pub fn declared(&self) -> Vec<Manifest> {
        let mut found = Vec::new();
        let mut known = BTreeSet::new();
        for document in &self.documents {
            for model in document.root.all("TreeNodesModel").flat_map(|models| &models.children) {
                let class = Class::from_name(&model.name).filter(|class| *class != Class::SubTree);
                let (Some(class), Some(id)) = (class, model.value("ID")) else { continue };
                if known.insert(id.to_owned()) {
                    found.push(manifest(id, class, model));
                }
            }
        }
        found
    }
}

struct Reading<'a> {
    files: &'a mut dyn Files,
    /// Files that are being read, from the outermost.
    open: Vec<PathBuf>,
    count: usize,
}

fn direction(element: &str) -> Option<Direction> {
    Some(match element {
        "input_port" => Direction::Input,
        "output_port" => Direction::Output,
        "inout_port" => Direction::Both,
        _ => return None,
    })
}

fn manifest(id: &str, class: Class, model: &Element) -> Manifest {
    let port = |element: &Element| {
        Some(Port {
            name: element.value("name")?.to_owned().into(),
            direction: direction(&element.name)?,
            kind: Kind::Untyped,
            default: element.value("default").map(|text| text.to_owned().into()),
            doc: element.text.clone().into(),
        })
    };
    Manifest {
        id: id.to_owned().into(),
        class,
        ports: model.children.iter().filter_map(port).collect(),
        doc: "".into(),
        example: "".into(),
    }
}
