//! Serde's readers and visitors as trait objects, so that a reader is compiled for one visitor and a type for one reader.
//!
//! `erased-serde` does the same, but makes a text of every error at once; a reader's error with its place is then gone. Here the reader
//! keeps its own error (`reader::Given`) while a `Fault::Told` goes through the visitor, and gets it back.

use crate::fault::Fault;
use crate::reader::Seeded;
use crate::types::SeedOf;
use serde::de::{Deserialize, DeserializeSeed as _, Deserializer};
use std::marker::PhantomData;

/// Reads a `T` through trait objects.
pub struct Erased<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Erased<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut seed = SeedOf::new(PhantomData::<T>);
        Seeded(&mut seed).deserialize(deserializer)?;
        seed.made().map(Self).map_err(Fault::tell)
    }
}

impl<T: garde::Validate> garde::Validate for Erased<T> {
    type Context = T::Context;

    fn validate_into(
        &self,
        context: &Self::Context,
        parent: &mut dyn FnMut() -> garde::Path,
        report: &mut garde::Report,
    ) {
        self.0.validate_into(context, parent, report);
    }
}

/// What a type asks of a reader.
#[derive(Clone, Copy)]
pub(crate) enum Ask {
    Any,
    Bool,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    Str,
    String,
    Bytes,
    ByteBuf,
    Option,
    Unit,
    UnitStruct(&'static str),
    Newtype(&'static str),
    Seq,
    Tuple(usize),
    TupleStruct(&'static str, usize),
    Map,
    Struct(&'static str, &'static [&'static str]),
    Enum(&'static str, &'static [&'static str]),
    Identifier,
    Ignored,
}

/// What a reader finds. Whole numbers come in their widest type: visitors narrow them, and say when they cannot.
pub(crate) enum Found<'a, 'de> {
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Signed128(i128),
    Unsigned128(u128),
    Float(f64),
    Char(char),
    Str(&'a str),
    Borrowed(&'de str),
    String(String),
    Bytes(&'a [u8]),
    BorrowedBytes(&'de [u8]),
    ByteBuf(Vec<u8>),
    Nothing,
    Something(&'a mut dyn Reader<'de>),
    Unit,
    Newtype(&'a mut dyn Reader<'de>),
    Seq(&'a mut dyn Items<'de>),
    Map(&'a mut dyn Entries<'de>),
    Enum(&'a mut dyn Choice<'de>),
}

/// A [`serde::Deserializer`] that is asked once.
pub(crate) trait Reader<'de> {
    fn read(&mut self, ask: Ask, sink: &mut dyn Sink<'de>) -> Result<(), Fault>;
}

/// A [`serde::de::Visitor`] that is visited once.
pub(crate) trait Sink<'de> {
    fn take(&mut self, found: Found<'_, 'de>) -> Result<(), Fault>;
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result;
}

/// A [`serde::de::DeserializeSeed`] that is used once.
pub(crate) trait Seed<'de> {
    fn grow(&mut self, reader: &mut dyn Reader<'de>) -> Result<(), Fault>;
}

/// A [`serde::de::SeqAccess`].
pub(crate) trait Items<'de> {
    fn next(&mut self, seed: &mut dyn Seed<'de>) -> Result<bool, Fault>;
    fn hint(&self) -> Option<usize>;
}

/// A [`serde::de::MapAccess`].
pub(crate) trait Entries<'de> {
    fn key(&mut self, seed: &mut dyn Seed<'de>) -> Result<bool, Fault>;
    fn value(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Fault>;
    fn hint(&self) -> Option<usize>;
}

/// An [`serde::de::EnumAccess`], and the [`serde::de::VariantAccess`] that it gives.
pub(crate) trait Choice<'de> {
    fn variant(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Fault>;
    fn unit(&mut self) -> Result<(), Fault>;
    fn newtype(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Fault>;
    fn tuple(&mut self, length: usize, sink: &mut dyn Sink<'de>) -> Result<(), Fault>;
    fn fields(&mut self, names: &'static [&'static str], sink: &mut dyn Sink<'de>) -> Result<(), Fault>;
}
