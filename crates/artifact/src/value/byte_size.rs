//! A number of bytes as people write it: `2GB`, `512MiB`, `4000000000`.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An amount of memory, at least [`ByteSize::LEAST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

const UNITS: [(&str, u64); 11] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("KB", 1_000),
    ("B", 1),
    ("", 1),
];

impl ByteSize {
    /// The least that works: buffers alone take as much.
    pub const LEAST: Self = Self(32_000_000);
    /// The default: a human genome in plain text fits.
    pub const DEFAULT: Self = Self(4_000_000_000);

    /// The bytes.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl Default for ByteSize {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl TryFrom<u64> for ByteSize {
    type Error = String;

    fn try_from(bytes: u64) -> Result<Self, String> {
        if bytes < Self::LEAST.0 {
            return Err(format!("{bytes} bytes are too few; give at least 32MB"));
        }
        Ok(Self(bytes))
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad =
            || format!("`{text}` is not an amount of memory; write it as 500MB, 2GB or 1.5GiB");
        let (number, unit) = UNITS
            .iter()
            .find_map(|(name, unit)| Some((text.trim().strip_suffix(name)?, *unit)))
            .ok_or_else(bad)?;
        let number: f64 = number.trim().parse().map_err(|_| bad())?;
        let bytes = number * unit as f64;
        // No machine has more than 2^63 bytes, and a float that large cannot count single ones.
        if !bytes.is_finite() || !(0.0..9e18).contains(&bytes) {
            return Err(bad());
        }
        Self::try_from(bytes.round() as u64).map_err(|e| format!("`{text}`: {e}"))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&amount(self.0))
    }
}

/// A number of bytes for people: `1.5 GB`.
pub fn amount(bytes: u64) -> String {
    let (name, unit) = UNITS[4..8]
        .iter()
        .find(|(_, unit)| bytes >= *unit)
        .unwrap_or(&("B", 1));
    let value = bytes as f64 / *unit as f64;
    if value >= 100.0 || bytes.is_multiple_of(*unit) {
        format!("{value:.0} {name}")
    } else {
        format!("{value:.1} {name}")
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Size;
        impl de::Visitor<'_> for Size {
            type Value = ByteSize;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount of memory such as 2GB, or a number of bytes")
            }

            fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<ByteSize, E> {
                ByteSize::try_from(bytes).map_err(E::custom)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ByteSize, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Size)
    }
}

impl JsonSchema for ByteSize {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": 32_000_000 },
                { "type": "string", "pattern": "^[0-9.]+ ?([kKMGT]i?)?B?$" },
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        fn t(text: &str, expected: u64) {
            assert_eq!(text.parse::<ByteSize>().unwrap().get(), expected, "{text}");
        }
        t("2GB", 2_000_000_000);
        t("1.5 GiB", 3 << 29);
        t("500MB", 500_000_000);
        t("64MiB", 64 << 20);
        t("40000000", 40_000_000);
        let size: ByteSize = serde_json::from_str("\"2GB\"").unwrap();
        assert_eq!(serde_json::to_string(&size).unwrap(), "2000000000");
        assert_eq!(
            serde_json::from_str::<ByteSize>("2000000000").unwrap(),
            size
        );
    }

    #[test]
    fn what_is_no_size_is_told() {
        fn t(text: &str, expected: &str) {
            let message = text.parse::<ByteSize>().unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
        t("2 gigs", "`2 gigs` is not an amount of memory");
        t("", "is not an amount of memory");
        t("-2GB", "is not an amount of memory");
        t("1e300GB", "is not an amount of memory");
        t("2MB", "at least 32MB");
        assert!(serde_json::from_str::<ByteSize>("17").is_err());
    }

    #[test]
    fn amounts_are_short() {
        for (bytes, text) in [
            (17, "17 B"),
            (1_500_000_000, "1.5 GB"),
            (2_000_000_000, "2 GB"),
            (123_456_789, "123 MB"),
        ] {
            assert_eq!(amount(bytes), text);
        }
    }
}
