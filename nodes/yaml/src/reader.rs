//! The side of the reader: whatever `serde_saphyr` gives, as trait objects.

use crate::erased::{Ask, Choice, Entries, Found, Items, Reader, Seed, Sink};
use crate::fault::Fault;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, VariantAccess, Visitor,
};

const ONCE: &str = "something that is read once was asked for twice";

/// Part of a reader, and the error with which it ended.
struct Given<T, E> {
    part: T,
    error: Option<E>,
}

impl<T, E: serde::de::Error> Given<T, E> {
    fn new(part: T) -> Self {
        Self { part, error: None }
    }

    fn keep<O>(&mut self, result: Result<O, E>) -> Result<O, Fault> {
        result.map_err(|error| {
            let text = error.to_string();
            self.error = Some(error);
            Fault::Told(text)
        })
    }

    /// The reader's own error when it was that which ended it.
    fn give_back<O>(self, result: Result<O, Fault>) -> Result<O, E> {
        result.map_err(|fault| match (fault, self.error) {
            (Fault::Told(_), Some(error)) => error,
            (fault, _) => fault.tell(),
        })
    }
}

impl<'de, D: Deserializer<'de>> Reader<'de> for Given<Option<D>, D::Error> {
    fn read(&mut self, ask: Ask, sink: &mut dyn Sink<'de>) -> Result<(), Fault> {
        let from = self.part.take().ok_or_else(|| Fault::custom(ONCE))?;
        let to = Visited(sink);
        let read = match ask {
            Ask::Any => from.deserialize_any(to),
            Ask::Bool => from.deserialize_bool(to),
            Ask::I8 => from.deserialize_i8(to),
            Ask::I16 => from.deserialize_i16(to),
            Ask::I32 => from.deserialize_i32(to),
            Ask::I64 => from.deserialize_i64(to),
            Ask::I128 => from.deserialize_i128(to),
            Ask::U8 => from.deserialize_u8(to),
            Ask::U16 => from.deserialize_u16(to),
            Ask::U32 => from.deserialize_u32(to),
            Ask::U64 => from.deserialize_u64(to),
            Ask::U128 => from.deserialize_u128(to),
            Ask::F32 => from.deserialize_f32(to),
            Ask::F64 => from.deserialize_f64(to),
            Ask::Char => from.deserialize_char(to),
            Ask::Str => from.deserialize_str(to),
            Ask::String => from.deserialize_string(to),
            Ask::Bytes => from.deserialize_bytes(to),
            Ask::ByteBuf => from.deserialize_byte_buf(to),
            Ask::Option => from.deserialize_option(to),
            Ask::Unit => from.deserialize_unit(to),
            Ask::UnitStruct(name) => from.deserialize_unit_struct(name, to),
            Ask::Newtype(name) => from.deserialize_newtype_struct(name, to),
            Ask::Seq => from.deserialize_seq(to),
            Ask::Tuple(length) => from.deserialize_tuple(length, to),
            Ask::TupleStruct(name, length) => from.deserialize_tuple_struct(name, length, to),
            Ask::Map => from.deserialize_map(to),
            Ask::Struct(name, fields) => from.deserialize_struct(name, fields, to),
            Ask::Enum(name, variants) => from.deserialize_enum(name, variants, to),
            Ask::Identifier => from.deserialize_identifier(to),
            Ask::Ignored => from.deserialize_ignored_any(to),
        };
        self.keep(read)
    }
}

impl<'de, A: SeqAccess<'de>> Items<'de> for Given<A, A::Error> {
    fn next(&mut self, seed: &mut dyn Seed<'de>) -> Result<bool, Fault> {
        let next = self.part.next_element_seed(Seeded(seed));
        self.keep(next).map(|next| next.is_some())
    }

    fn hint(&self) -> Option<usize> {
        self.part.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> Entries<'de> for Given<A, A::Error> {
    fn key(&mut self, seed: &mut dyn Seed<'de>) -> Result<bool, Fault> {
        let key = self.part.next_key_seed(Seeded(seed));
        self.keep(key).map(|key| key.is_some())
    }

    fn value(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Fault> {
        let value = self.part.next_value_seed(Seeded(seed));
        self.keep(value)
    }

    fn hint(&self) -> Option<usize> {
        self.part.size_hint()
    }
}

/// Before and after the variant's name is read.
enum Chosen<A, V> {
    Not(A),
    Variant(V),
    Used,
}

impl<'de, A: EnumAccess<'de>> Given<Chosen<A, A::Variant>, A::Error> {
    fn of_variant<O>(&mut self, read: impl FnOnce(A::Variant) -> Result<O, A::Error>) -> Result<O, Fault> {
        let Chosen::Variant(variant) = std::mem::replace(&mut self.part, Chosen::Used) else {
            return Err(Fault::custom(ONCE));
        };
        self.keep(read(variant))
    }
}

impl<'de, A: EnumAccess<'de>> Choice<'de> for Given<Chosen<A, A::Variant>, A::Error> {
    fn variant(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Fault> {
        let Chosen::Not(access) = std::mem::replace(&mut self.part, Chosen::Used) else {
            return Err(Fault::custom(ONCE));
        };
        let ((), variant) = self.keep(access.variant_seed(Seeded(seed)))?;
        self.part = Chosen::Variant(variant);
        Ok(())
    }

    fn unit(&mut self) -> Result<(), Fault> {
        self.of_variant(VariantAccess::unit_variant)
    }

    fn newtype(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Fault> {
        self.of_variant(|v| v.newtype_variant_seed(Seeded(seed)))
    }

    fn tuple(&mut self, length: usize, sink: &mut dyn Sink<'de>) -> Result<(), Fault> {
        self.of_variant(|v| v.tuple_variant(length, Visited(sink)))
    }

    fn fields(&mut self, names: &'static [&'static str], sink: &mut dyn Sink<'de>) -> Result<(), Fault> {
        self.of_variant(|v| v.struct_variant(names, Visited(sink)))
    }
}

/// The one seed that readers are compiled for.
pub(crate) struct Seeded<'a, 'de>(pub(crate) &'a mut dyn Seed<'de>);

impl<'de> DeserializeSeed<'de> for Seeded<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let mut given = Given::new(Some(deserializer));
        let grown = self.0.grow(&mut given);
        given.give_back(grown)
    }
}

/// The one visitor that readers are compiled for.
struct Visited<'a, 'de>(&'a mut dyn Sink<'de>);

/// A method of the visitor that passes on what was found.
macro_rules! pass {
    ($($method:ident($type:ty) => $found:ident;)*) => {$(
        fn $method<E: serde::de::Error>(self, value: $type) -> Result<(), E> {
            self.0.take(Found::$found(value)).map_err(Fault::tell)
        }
    )*};
}

impl<'de> Visitor<'de> for Visited<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.expecting(f)
    }

    pass! {
        visit_bool(bool) => Bool;
        visit_i64(i64) => Signed;
        visit_u64(u64) => Unsigned;
        visit_i128(i128) => Signed128;
        visit_u128(u128) => Unsigned128;
        visit_char(char) => Char;
        visit_str(&str) => Str;
        visit_borrowed_str(&'de str) => Borrowed;
        visit_string(String) => String;
        visit_bytes(&[u8]) => Bytes;
        visit_borrowed_bytes(&'de [u8]) => BorrowedBytes;
        visit_byte_buf(Vec<u8>) => ByteBuf;
    }

    /// `.nan` passes every range check that compares, and `.inf` half of them: neither has a place in a configuration. Refused where
    /// it is read, so that words that look like them are no matter. Numbers of 32 bits come here as well.
    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        if !value.is_finite() {
            return Err(E::custom(format_args!("{value} is not a finite number")));
        }
        self.0.take(Found::Float(value)).map_err(Fault::tell)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<(), E> {
        self.0.take(Found::Nothing).map_err(Fault::tell)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.0.take(Found::Unit).map_err(Fault::tell)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let mut given = Given::new(Some(deserializer));
        let taken = self.0.take(Found::Something(&mut given));
        given.give_back(taken)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let mut given = Given::new(Some(deserializer));
        let taken = self.0.take(Found::Newtype(&mut given));
        given.give_back(taken)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<(), A::Error> {
        let mut given = Given::new(access);
        let taken = self.0.take(Found::Seq(&mut given));
        given.give_back(taken)
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<(), A::Error> {
        let mut given = Given::new(access);
        let taken = self.0.take(Found::Map(&mut given));
        given.give_back(taken)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<(), A::Error> {
        let mut given = Given::new(Chosen::Not(access));
        let taken = self.0.take(Found::Enum(&mut given));
        given.give_back(taken)
    }
}
