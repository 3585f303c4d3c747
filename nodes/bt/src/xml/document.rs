//! Text → elements with their places.
//!
//! As forgiving as the parser that BehaviorTree.CPP uses, for trees as people write them: a `<` or a `&` in an attribute
//! stands for itself (`_skipIf="x < 3 && y > 1"`), and so does an entity that is none of the five of XML. There are no
//! document types and no entities of one's own, so nothing can grow.

use crate::error::{BtError, Position};
use std::cell::Cell;

/// Largest file, bytes.
pub const FILE_LIMIT: usize = 4 * 1024 * 1024;

/// Deepest nesting of elements in a file: BehaviorTree.CPP's.
pub const NESTING_LIMIT: usize = 256;

/// Most elements of a file.
const ELEMENT_LIMIT: usize = 100_000;

/// An attribute.
#[derive(Clone, Debug)]
pub(crate) struct Attribute {
    pub name: String,
    pub value: String,
    pub at: Position,
}

/// An element with what is in it.
#[derive(Clone, Debug)]
pub(crate) struct Element {
    pub name: String,
    pub attributes: Vec<Attribute>,
    pub children: Vec<Element>,
    pub at: Position,
    /// Text right inside of it.
    pub text: String,
}

impl Element {
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    pub fn value(&self, name: &str) -> Option<&str> {
        self.attribute(name).map(|attribute| attribute.value.as_str())
    }

    /// Children of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }
}

/// Finds lines and columns. Places are asked for from front to back, so that counting goes on where it was.
struct Lines<'a> {
    text: &'a str,
    /// The last place: offset, line and column from 0.
    last: Cell<(usize, u32, u32)>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, last: Cell::new((0, 0, 0)) }
    }

    fn position(&self, offset: usize) -> Position {
        let (from, mut line, mut column) =
            Some(self.last.get()).filter(|l| l.0 <= offset).unwrap_or_default();
        for c in self.text.get(from..offset).unwrap_or("").chars() {
            (line, column) = if c == '\n' { (line + 1, 0) } else { (line, column + 1) };
        }
        self.last.set((offset, line, column));
        Position { line: line + 1, column: column + 1 }
    }
}

/// Reads a file's text.
pub(crate) fn parse(file: &str, text: &str) -> Result<Element, BtError> {
    let error = |at, message: String| BtError::Load { file: file.to_owned(), at, message };
    if text.len() > FILE_LIMIT {
        let start = Position { line: 1, column: 1 };
        return Err(error(start, format!("the file has {} bytes; the limit is {FILE_LIMIT}", text.len())));
    }
    let lines = Lines::new(text);
    let root = Reader { text, at: 0, lines: &lines, count: 0 }.document();
    let root = root.map_err(|Wrong(at, message)| error(lines.position(at), message))?;
    if root.name != "root" {
        return Err(error(root.at, format!("expected <root>, found <{}>", root.name)));
    }
    Ok(root)
}

/// Where, as an offset, and what.
struct Wrong(usize, String);

struct Reader<'a> {
    text: &'a str,
    at: usize,
    lines: &'a Lines<'a>,
    count: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    fn wrong<T>(&self, message: impl Into<String>) -> Result<T, Wrong> {
        Err(Wrong(self.at, message.into()))
    }

    /// Goes behind the next `end`.
    fn pass(&mut self, end: &str, what: &str) -> Result<&'a str, Wrong> {
        let rest = self.rest();
        match rest.split_once(end) {
            Some((before, _)) => {
                self.at += before.len() + end.len();
                Ok(before)
            }
            None => self.wrong(format!("{what} has no end")),
        }
    }

    fn document(mut self) -> Result<Element, Wrong> {
        if self.rest().starts_with('\u{feff}') {
            self.at += '\u{feff}'.len_utf8();
        }
        let mut open: Vec<Element> = Vec::new();
        let mut root = None;
        loop {
            let before = self.rest().split('<').next().unwrap_or("");
            if !before.trim().is_empty() {
                match open.last_mut() {
                    Some(parent) => parent.text.push_str(unescaped(before.trim()).as_str()),
                    None => return self.wrong("text outside of <root>"),
                }
            }
            self.at += before.len();
            let rest = self.rest();
            if rest.is_empty() {
                return match (open.last(), root) {
                    (Some(element), _) => {
                        let Position { line, .. } = element.at;
                        self.wrong(format!("<{}> of line {line} is not closed", element.name))
                    }
                    (None, Some(root)) => Ok(root),
                    (None, None) => self.wrong("there is no <root>"),
                };
            }
            if let Some(element) = self.markup(&mut open, root.is_some())? {
                match open.last_mut() {
                    Some(parent) => parent.children.push(element),
                    None => root = Some(element),
                }
            }
        }
    }

    /// What begins with `<`; gives an element when it is complete.
    fn markup(&mut self, open: &mut Vec<Element>, done: bool) -> Result<Option<Element>, Wrong> {
        let rest = self.rest();
        if rest.starts_with("<!--") {
            self.pass("-->", "the comment")?;
        } else if rest.starts_with("<![CDATA[") {
            let text = self.pass("]]>", "the CDATA section")?;
            if let Some(parent) = open.last_mut() {
                parent.text.push_str(text.trim_start_matches("<![CDATA["));
            }
        } else if rest.starts_with("<!") {
            return self.wrong("a document type and entities of its own are not allowed");
        } else if rest.starts_with("<?") {
            self.pass("?>", "the processing instruction")?;
        } else if rest.starts_with("</") {
            let start = self.at;
            let name = self.pass(">", "the closing tag")?.trim_start_matches("</").trim_end();
            return match open.pop() {
                Some(element) if element.name == name => Ok(Some(element)),
                Some(element) => {
                    let Position { line, .. } = element.at;
                    let expected = format!("expected </{}> for line {line}, found </{name}>", element.name);
                    Err(Wrong(start, expected))
                }
                None => Err(Wrong(start, format!("</{name}> closes nothing"))),
            };
        } else {
            if done {
                return self.wrong("only one element is allowed at the top");
            }
            return self.tag(open);
        }
        Ok(None)
    }

    fn tag(&mut self, open: &mut Vec<Element>) -> Result<Option<Element>, Wrong> {
        self.count += 1;
        if self.count > ELEMENT_LIMIT {
            return self.wrong(format!("the file has more than {ELEMENT_LIMIT} elements"));
        }
        // <root>, <BehaviorTree> and the first node do not count.
        if open.len() > NESTING_LIMIT + 2 {
            return self.wrong(format!("elements are nested deeper than {NESTING_LIMIT}"));
        }
        let at = self.lines.position(self.at);
        self.at += 1;
        let name = self.name("an element")?.to_owned();
        let mut element =
            Element { name, attributes: Vec::new(), children: Vec::new(), at, text: String::new() };
        loop {
            self.skip_space();
            let rest = self.rest();
            if rest.starts_with("/>") {
                self.at += 2;
                return Ok(Some(element));
            }
            if rest.starts_with('>') {
                self.at += 1;
                open.push(element);
                return Ok(None);
            }
            if rest.is_empty() {
                return self.wrong(format!("<{}> has no end", element.name));
            }
            let attribute = self.attribute()?;
            if element.attribute(&attribute.name).is_some() {
                return self.wrong(format!("the attribute `{}` is there twice", attribute.name));
            }
            element.attributes.push(attribute);
        }
    }

    fn name(&mut self, of: &str) -> Result<&'a str, Wrong> {
        let rest = self.rest();
        let goes_on = |c: char| c.is_alphanumeric() || "_:.-".contains(c) || !c.is_ascii();
        let name = rest.split(|c: char| !goes_on(c)).next().unwrap_or("");
        let starts = name.starts_with(|c: char| c.is_alphabetic() || "_:".contains(c) || !c.is_ascii());
        if !starts {
            let found: String = rest.chars().take(1).collect();
            return self.wrong(format!("expected the name of {of}, found `{found}`"));
        }
        self.at += name.len();
        Ok(name)
    }

    fn attribute(&mut self) -> Result<Attribute, Wrong> {
        let at = self.lines.position(self.at);
        let name = self.name("an attribute")?.to_owned();
        self.skip_space();
        if !self.rest().starts_with('=') {
            return self.wrong(format!("expected `=` after `{name}`"));
        }
        self.at += 1;
        self.skip_space();
        let quote = match self.rest().chars().next() {
            Some('"') => "\"",
            Some('\'') => "'",
            _ => return self.wrong(format!("the value of `{name}` must be in quotes")),
        };
        self.at += 1;
        let value = self.pass(quote, "the value")?;
        Ok(Attribute { name, value: unescaped(value), at })
    }
}

/// Text without entities: the five of XML, and characters by number. Others stay as they are.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let entity = after.split_once(';').and_then(|(name, after)| Some((character(name)?, after)));
        match entity {
            Some((c, after)) => {
                out.push(c);
                rest = after;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn character(name: &str) -> Option<char> {
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let number = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(number).filter(|c| *c != '\0')?
        }
    })
}
