//! The side of the types that are read: seeds and visitors as trait objects, and trait objects as what they are read from.

use crate::erased::{Ask, Choice, Entries, Found, Items, Reader, Seed, Sink};
use crate::fault::Fault;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, VariantAccess, Visitor,
};

const NOTHING: &str = "nothing was read";
const ONCE: &str = "what is read once was given twice";

/// A seed, and what has grown of it.
pub(crate) struct SeedOf<S, T> {
    seed: Option<S>,
    made: Option<T>,
}

impl<'de, S: DeserializeSeed<'de>> SeedOf<S, S::Value> {
    pub(crate) fn new(seed: S) -> Self {
        Self { seed: Some(seed), made: None }
    }

    pub(crate) fn made(self) -> Result<S::Value, Fault> {
        self.made.ok_or_else(|| Fault::custom(NOTHING))
    }
}

impl<'de, S: DeserializeSeed<'de>> Seed<'de> for SeedOf<S, S::Value> {
    fn grow(&mut self, reader: &mut dyn Reader<'de>) -> Result<(), Fault> {
        let seed = self.seed.take().ok_or_else(|| Fault::custom(ONCE))?;
        self.made = Some(seed.deserialize(Handle(reader))?);
        Ok(())
    }
}

/// A visitor, and what it has made.
struct SinkOf<V, T> {
    visitor: Option<V>,
    made: Option<T>,
}

impl<'de, V: Visitor<'de>> SinkOf<V, V::Value> {
    fn new(visitor: V) -> Self {
        Self { visitor: Some(visitor), made: None }
    }

    fn made(self) -> Result<V::Value, Fault> {
        self.made.ok_or_else(|| Fault::custom(NOTHING))
    }
}

impl<'de, V: Visitor<'de>> Sink<'de> for SinkOf<V, V::Value> {
    fn take(&mut self, found: Found<'_, 'de>) -> Result<(), Fault> {
        let visitor = self.visitor.take().ok_or_else(|| Fault::custom(ONCE))?;
        self.made = Some(match found {
            Found::Bool(value) => visitor.visit_bool(value),
            Found::Signed(value) => visitor.visit_i64(value),
            Found::Unsigned(value) => visitor.visit_u64(value),
            Found::Signed128(value) => visitor.visit_i128(value),
            Found::Unsigned128(value) => visitor.visit_u128(value),
            Found::Float(value) => visitor.visit_f64(value),
            Found::Char(value) => visitor.visit_char(value),
            Found::Str(value) => visitor.visit_str(value),
            Found::Borrowed(value) => visitor.visit_borrowed_str(value),
            Found::String(value) => visitor.visit_string(value),
            Found::Bytes(value) => visitor.visit_bytes(value),
            Found::BorrowedBytes(value) => visitor.visit_borrowed_bytes(value),
            Found::ByteBuf(value) => visitor.visit_byte_buf(value),
            Found::Nothing => visitor.visit_none(),
            Found::Something(reader) => visitor.visit_some(Handle(reader)),
            Found::Unit => visitor.visit_unit(),
            Found::Newtype(reader) => visitor.visit_newtype_struct(Handle(reader)),
            Found::Seq(items) => visitor.visit_seq(ItemsOf(items)),
            Found::Map(entries) => visitor.visit_map(EntriesOf(entries)),
            Found::Enum(choice) => visitor.visit_enum(ChoiceOf(choice)),
        }?);
        Ok(())
    }

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.visitor {
            Some(visitor) => visitor.expecting(f),
            None => f.write_str("nothing more"),
        }
    }
}

/// What types read from.
struct Handle<'a, 'de>(&'a mut dyn Reader<'de>);

impl<'de> Handle<'_, 'de> {
    fn ask<V: Visitor<'de>>(self, ask: Ask, visitor: V) -> Result<V::Value, Fault> {
        let mut sink = SinkOf::new(visitor);
        self.0.read(ask, &mut sink)?;
        sink.made()
    }
}

/// Methods that ask for something by its name alone.
macro_rules! ask {
    ($($method:ident => $ask:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.ask(Ask::$ask, visitor)
        }
    )*};
}

type Names = &'static [&'static str];

impl<'de> Deserializer<'de> for Handle<'_, 'de> {
    type Error = Fault;

    ask! {
        deserialize_any => Any;
        deserialize_bool => Bool;
        deserialize_i8 => I8;
        deserialize_i16 => I16;
        deserialize_i32 => I32;
        deserialize_i64 => I64;
        deserialize_i128 => I128;
        deserialize_u8 => U8;
        deserialize_u16 => U16;
        deserialize_u32 => U32;
        deserialize_u64 => U64;
        deserialize_u128 => U128;
        deserialize_f32 => F32;
        deserialize_f64 => F64;
        deserialize_char => Char;
        deserialize_str => Str;
        deserialize_string => String;
        deserialize_bytes => Bytes;
        deserialize_byte_buf => ByteBuf;
        deserialize_option => Option;
        deserialize_unit => Unit;
        deserialize_seq => Seq;
        deserialize_map => Map;
        deserialize_identifier => Identifier;
        deserialize_ignored_any => Ignored;
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.ask(Ask::UnitStruct(name), visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.ask(Ask::Newtype(name), visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Fault> {
        self.ask(Ask::Tuple(length), visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.ask(Ask::TupleStruct(name, length), visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: Names,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.ask(Ask::Struct(name, fields), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: Names,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.ask(Ask::Enum(name, variants), visitor)
    }
}

struct ItemsOf<'a, 'de>(&'a mut dyn Items<'de>);

impl<'de> SeqAccess<'de> for ItemsOf<'_, 'de> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let mut seed = SeedOf::new(seed);
        if self.0.next(&mut seed)? { seed.made().map(Some) } else { Ok(None) }
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.hint()
    }
}

struct EntriesOf<'a, 'de>(&'a mut dyn Entries<'de>);

impl<'de> MapAccess<'de> for EntriesOf<'_, 'de> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let mut seed = SeedOf::new(seed);
        if self.0.key(&mut seed)? { seed.made().map(Some) } else { Ok(None) }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let mut seed = SeedOf::new(seed);
        self.0.value(&mut seed)?;
        seed.made()
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.hint()
    }
}

/// A variant: before its name is read, and after it.
struct ChoiceOf<'a, 'de>(&'a mut dyn Choice<'de>);

impl<'de> EnumAccess<'de> for ChoiceOf<'_, 'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Fault> {
        let mut seed = SeedOf::new(seed);
        self.0.variant(&mut seed)?;
        Ok((seed.made()?, self))
    }
}

impl<'de> VariantAccess<'de> for ChoiceOf<'_, 'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        self.0.unit()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        let mut seed = SeedOf::new(seed);
        self.0.newtype(&mut seed)?;
        seed.made()
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Fault> {
        let mut sink = SinkOf::new(visitor);
        self.0.tuple(length, &mut sink)?;
        sink.made()
    }

    fn struct_variant<V: Visitor<'de>>(self, names: Names, visitor: V) -> Result<V::Value, Fault> {
        let mut sink = SinkOf::new(visitor);
        self.0.fields(names, &mut sink)?;
        sink.made()
    }
}
