//! A whole message as a tree of named values.

use super::value::wide_text;
use super::{Kind, Schema, Value, walk::FieldMisfit};
use crate::cdr::{Misfit, Reader};
use std::fmt;

/// The most values of one message that are taken apart.
const VALUES_LIMIT: usize = 4_000_000;

/// A message, or a part of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree<'a> {
    /// A number or a text.
    Value(Value<'a>),
    /// An array.
    List(Vec<Tree<'a>>),
    /// A message's fields in their order.
    Fields(Vec<(&'a str, Tree<'a>)>),
}

impl Tree<'_> {
    /// A field by its path, as `header.stamp.sec`.
    pub fn get(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |tree, name| match tree {
            Self::Fields(fields) => fields.iter().find(|(n, _)| *n == name).map(|(_, t)| t),
            _ => None,
        })
    }

    /// The same bits, as [`Value::same`].
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Value(a), Self::Value(b)) => a.same(*b),
            (Self::List(a), Self::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.same(y)),
            (Self::Fields(a), Self::Fields(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|((n, x), (m, y))| n == m && x.same(y))
            }
            _ => false,
        }
    }

    /// The value, where it is one.
    pub fn value(&self) -> Option<Value<'_>> {
        match self {
            Self::Value(value) => Some(*value),
            _ => None,
        }
    }
}

impl fmt::Display for Tree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // In full: the difference may be at the end.
            Self::Value(Value::Text(text)) => write!(f, "{text:?}"),
            Self::Value(Value::Wide { units, big }) => write!(f, "{:?}", wide_text(units, *big)),
            Self::Value(v) => v.fmt(f),
            Self::List(v) => write!(f, "{} elements", v.len()),
            Self::Fields(v) => write!(f, "{} fields", v.len()),
        }
    }
}

impl Schema {
    /// Takes a message apart.
    ///
    /// # Errors
    /// The first place that does not fit, by its byte.
    pub fn tree<'a>(&'a self, data: &'a [u8]) -> Result<Tree<'a>, FieldMisfit> {
        let grown = Reader::open(data).and_then(|reader| {
            let mut grower = Grower { schema: self, reader, values: 0 };
            let tree = grower.message(0)?;
            grower.reader.finish()?;
            Ok(tree)
        });
        grown.map_err(|misfit| FieldMisfit { field: String::new(), misfit })
    }
}

struct Grower<'a> {
    schema: &'a Schema,
    reader: Reader<'a>,
    values: usize,
}

impl<'a> Grower<'a> {
    fn message(&mut self, index: usize) -> Result<Tree<'a>, Misfit> {
        let schema = self.schema;
        let fields = schema.types.get(index).map(Vec::as_slice).unwrap_or_default();
        if fields.is_empty() {
            // ROS gives a type without fields one byte.
            self.reader.skip(1, 1)?;
        }
        let mut trees = Vec::with_capacity(fields.len());
        for field in fields {
            let tree = match field.count(&mut self.reader)? {
                None => self.element(field.kind)?,
                Some(count) => {
                    let mut list = Vec::new();
                    for _ in 0..count {
                        list.push(self.element(field.kind)?);
                    }
                    Tree::List(list)
                }
            };
            trees.push((field.name.as_str(), tree));
        }
        Ok(Tree::Fields(trees))
    }

    fn element(&mut self, kind: Kind) -> Result<Tree<'a>, Misfit> {
        self.values += 1;
        if self.values > VALUES_LIMIT {
            return Err(Misfit::Values { limit: VALUES_LIMIT });
        }
        match kind {
            Kind::Message(index) => self.message(index),
            kind => kind.read(&mut self.reader).map(Tree::Value),
        }
    }
}
