//! The part of Python's pickle that a file of tensors needs (`pickletools` of CPython describes all of it; `torch/_utils.py` what torch
//! puts in). A pickle is a program; this machine has no way to call anything: of all functions that a pickle may name it knows those that
//! put tensors together, and does itself what they would do. Every other name and every other instruction is refused.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// What stands where a storage's bytes are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Storage {
    pub kind: Element,
    pub key: Rc<str>,
    pub values: usize,
}

/// A tensor as it lies in a storage, in values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tensor {
    pub storage: Storage,
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

/// Torch's types of values that safetensors has, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F64,
    F32,
    F16,
    Bf16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
}

impl Element {
    pub fn bytes(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    fn of_storage(name: &str) -> Option<Self> {
        Some(match name {
            "DoubleStorage" => Self::F64,
            "FloatStorage" => Self::F32,
            "HalfStorage" => Self::F16,
            "BFloat16Storage" => Self::Bf16,
            "LongStorage" => Self::I64,
            "IntStorage" => Self::I32,
            "ShortStorage" => Self::I16,
            "CharStorage" => Self::I8,
            "ByteStorage" => Self::U8,
            "BoolStorage" => Self::Bool,
            _ => return None,
        })
    }
}

/// Tensors by name.
type Named = Vec<(Rc<str>, Tensor)>;

/// What a pickle put together.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// None, a truth, a number with a fraction, whatever else is of no use here.
    Other,
    Integer(i64),
    Text(Rc<str>),
    Tuple(Rc<[Value]>, usize),
    /// Its tensors, by name; whatever else it held is gone.
    Dict(Rc<RefCell<Named>>),
    List(Rc<RefCell<Vec<Rc<str>>>>),
    Function(Function),
    Storage(Storage),
    Tensor(Box<Tensor>),
}

/// What a pickle may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(Element),
}

/// Torch has no tensor of more dimensions. Without a bound a small pickle could ask for copies of a long list of sizes without end.
const DIMENSIONS: usize = 64;

/// Tuples that stand in one another deeper than this are of no tensor.
const DEEPEST: usize = 16;

type Result<T> = std::result::Result<T, String>;

/// Runs one pickle, which begins at `at`; afterwards `at` is behind it.
pub(super) fn read(bytes: &[u8], at: &mut usize) -> Result<Value> {
    let mut machine = Machine {
        bytes,
        at: *at,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    let value = machine.run()?;
    *at = machine.at;
    Ok(value)
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    /// How long the stack was at each open mark.
    marks: Vec<usize>,
    memo: HashMap<u64, Value>,
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<Value> {
        loop {
            let place = self.at;
            let code = self.take(1)?[0];
            if code == b'.' {
                return self.pop();
            }
            self.step(code)
                .map_err(|problem| format!("{problem} (byte {place} of the pickle)"))?;
        }
    }

    fn step(&mut self, code: u8) -> Result<()> {
        match code {
            // PROTO, FRAME
            0x80 => self.skip(1),
            0x95 => self.skip(8),
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            // POP, POP_MARK
            b'0' => self.pop().map(drop),
            b'1' => self.pop_mark().map(drop),
            // NONE, NEWTRUE, NEWFALSE
            b'N' | 0x88 | 0x89 => self.push(Value::Other),
            // BININT, BININT1, BININT2, LONG1, INT, BINFLOAT
            b'J' => {
                let value = i32::from_le_bytes(self.array()?);
                self.push(Value::Integer(value.into()))
            }
            b'K' => {
                let [value] = self.array()?;
                self.push(Value::Integer(value.into()))
            }
            b'M' => {
                let value = u16::from_le_bytes(self.array()?);
                self.push(Value::Integer(value.into()))
            }
            0x8a => {
                let value = self.long()?;
                self.push(value)
            }
            b'I' => {
                let text = self.line()?;
                let value = text.parse().map_err(|_| format!("`{text}` is no number"))?;
                self.push(Value::Integer(value))
            }
            b'G' => {
                self.skip(8)?;
                self.push(Value::Other)
            }
            // BINUNICODE, SHORT_BINUNICODE, SHORT_BINSTRING, BINSTRING
            b'X' | b'T' => {
                let length = u32::from_le_bytes(self.array()?);
                self.text(length as usize)
            }
            0x8c | b'U' => {
                let [length] = self.array()?;
                self.text(length.into())
            }
            // SHORT_BINBYTES, BINBYTES
            b'C' => {
                let [length] = self.array()?;
                self.skip(length.into())?;
                self.push(Value::Other)
            }
            b'B' => {
                let length = u32::from_le_bytes(self.array()?);
                self.skip(length as usize)?;
                self.push(Value::Other)
            }
            // EMPTY_TUPLE, TUPLE1, TUPLE2, TUPLE3, TUPLE
            b')' => self.tuple(Vec::new()),
            0x85..=0x87 => {
                let count = usize::from(code - 0x84);
                let from = self.stack.len().checked_sub(count).ok_or(EMPTY)?;
                self.above_marks(from)?;
                let items = self.stack.split_off(from);
                self.tuple(items)
            }
            b't' => {
                let items = self.pop_mark()?;
                self.tuple(items)
            }
            // EMPTY_DICT, DICT, SETITEM, SETITEMS
            b'}' => self.push(Value::Dict(Rc::default())),
            b'd' => {
                let items = self.pop_mark()?;
                self.push(Value::Dict(Rc::default()))?;
                self.set(items)
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set(vec![key, value])
            }
            b'u' => {
                let items = self.pop_mark()?;
                self.set(items)
            }
            // EMPTY_LIST, LIST, APPEND, APPENDS
            b']' => self.push(Value::List(Rc::default())),
            b'l' => {
                let items = self.pop_mark()?;
                self.push(Value::List(Rc::default()))?;
                self.append(items)
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])
            }
            b'e' => {
                let items = self.pop_mark()?;
                self.append(items)
            }
            // BINPUT, LONG_BINPUT, PUT, MEMOIZE
            b'q' => {
                let [place] = self.array()?;
                self.put(place.into())
            }
            b'r' => {
                let place = u32::from_le_bytes(self.array()?);
                self.put(place.into())
            }
            b'p' => {
                let place = self.memo_line()?;
                self.put(place)
            }
            0x94 => self.put(self.memo.len() as u64),
            // BINGET, LONG_BINGET, GET
            b'h' => {
                let [place] = self.array()?;
                self.get(place.into())
            }
            b'j' => {
                let place = u32::from_le_bytes(self.array()?);
                self.get(place.into())
            }
            b'g' => {
                let place = self.memo_line()?;
                self.get(place)
            }
            // GLOBAL, STACK_GLOBAL
            b'c' => {
                let module = self.line()?.to_owned();
                let name = self.line()?.to_owned();
                let function = function(&module, &name)?;
                self.push(Value::Function(function))
            }
            0x93 => match (self.pop()?, self.pop()?) {
                (Value::Text(name), Value::Text(module)) => {
                    let function = function(&module, &name)?;
                    self.push(Value::Function(function))
                }
                _ => Err("a name is no text".into()),
            },
            // REDUCE, BINPERSID, BUILD
            b'R' => {
                let arguments = self.pop()?;
                let function = self.pop()?;
                let made = call(&function, &arguments)?;
                self.push(made)
            }
            b'Q' => {
                let place = self.pop()?;
                let storage = storage(&place)?;
                self.push(Value::Storage(storage))
            }
            // What stands in an object beside its items: `_metadata` of a module's state.
            b'b' => {
                self.pop()?;
                match self.stack.last() {
                    Some(Value::Dict(_)) => Ok(()),
                    _ => Err("an object is given a state, which tensors do not need".into()),
                }
            }
            other => Err(format!(
                "the instruction {other:#04x} is none that tensors need"
            )),
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or("the pickle ends in the middle")?;
        self.at += count;
        Ok(taken)
    }

    fn skip(&mut self, count: usize) -> Result<()> {
        self.take(count).map(drop)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| EMPTY.to_owned())
    }

    /// A number of up to eight bytes; torch's magic number has ten, and is of no use.
    fn long(&mut self) -> Result<Value> {
        let [length] = self.array()?;
        let bytes = self.take(length.into())?;
        if bytes.len() > 8 {
            return Ok(Value::Other);
        }
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut all = [if negative { 0xff } else { 0 }; 8];
        all[..bytes.len()].copy_from_slice(bytes);
        Ok(Value::Integer(i64::from_le_bytes(all)))
    }

    fn line(&mut self) -> Result<&'a str> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|byte| *byte == b'\n');
        let line = self.take(end.ok_or("the pickle ends in the middle")?)?;
        self.skip(1)?;
        std::str::from_utf8(line).map_err(|_| "a line is no UTF-8".into())
    }

    fn memo_line(&mut self) -> Result<u64> {
        let line = self.line()?;
        line.parse()
            .map_err(|_| format!("`{line}` is no place of the memo"))
    }

    fn text(&mut self, length: usize) -> Result<()> {
        let bytes = self.take(length)?;
        let text = std::str::from_utf8(bytes).map_err(|_| "a text is no UTF-8")?;
        self.push(Value::Text(text.into()))
    }

    fn push(&mut self, value: Value) -> Result<()> {
        self.stack.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<Value> {
        self.above_marks(self.stack.len().checked_sub(1).ok_or(EMPTY)?)?;
        self.stack.pop().ok_or_else(|| EMPTY.into())
    }

    /// Nothing below an open mark may be taken.
    fn above_marks(&self, from: usize) -> Result<()> {
        match self.marks.last() {
            Some(mark) if from < *mark => Err(EMPTY.into()),
            _ => Ok(()),
        }
    }

    fn pop_mark(&mut self) -> Result<Vec<Value>> {
        let mark = self.marks.pop().ok_or("there is no mark")?;
        Ok(self.stack.split_off(mark))
    }

    fn tuple(&mut self, items: Vec<Value>) -> Result<()> {
        let depth = |item: &Value| match item {
            Value::Tuple(_, depth) => *depth,
            _ => 0,
        };
        let depth = 1 + items.iter().map(depth).max().unwrap_or(0);
        if depth > DEEPEST {
            return Err(format!("tuples stand in one another, {depth} deep"));
        }
        self.push(Value::Tuple(items.into(), depth))
    }

    fn set(&mut self, items: Vec<Value>) -> Result<()> {
        let Some(Value::Dict(dict)) = self.stack.last() else {
            return Err("an item is set of what is no dictionary".into());
        };
        if !items.len().is_multiple_of(2) {
            return Err("a key has no value".into());
        }
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            if let (Value::Text(key), Value::Tensor(tensor)) = (key, value) {
                dict.borrow_mut().push((key, *tensor));
            }
        }
        Ok(())
    }

    fn append(&mut self, items: Vec<Value>) -> Result<()> {
        let Some(Value::List(list)) = self.stack.last() else {
            return Err("an item is appended to what is no list".into());
        };
        let texts = items.into_iter().filter_map(|item| match item {
            Value::Text(text) => Some(text),
            _ => None,
        });
        list.borrow_mut().extend(texts);
        Ok(())
    }

    fn put(&mut self, place: u64) -> Result<()> {
        let value = self.stack.last().ok_or(EMPTY)?.clone();
        self.memo.insert(place, value);
        Ok(())
    }

    fn get(&mut self, place: u64) -> Result<()> {
        let value = self.memo.get(&place);
        let value = value.ok_or_else(|| format!("place {place} of the memo is empty"))?;
        self.push(value.clone())
    }
}

const EMPTY: &str = "the stack is empty";

fn function(module: &str, name: &str) -> Result<Function> {
    match (module, name) {
        ("collections", "OrderedDict") => return Ok(Function::OrderedDict),
        ("torch._utils", "_rebuild_tensor_v2") => return Ok(Function::RebuildTensor),
        ("torch._utils", "_rebuild_parameter") => return Ok(Function::RebuildParameter),
        ("torch", storage) => {
            if let Some(element) = Element::of_storage(storage) {
                return Ok(Function::Storage(element));
            }
        }
        _ => {}
    }
    Err(format!(
        "the pickle names `{module}.{name}`, which tensors do not need; nothing of it was run"
    ))
}

fn call(function: &Value, arguments: &Value) -> Result<Value> {
    let Value::Tuple(arguments, _) = arguments else {
        return Err("a function is called without a tuple".into());
    };
    match (function, &arguments[..]) {
        (Value::Function(Function::OrderedDict), []) => Ok(Value::Dict(Rc::default())),
        (Value::Function(Function::RebuildParameter), [tensor @ Value::Tensor(_), ..]) => {
            Ok(tensor.clone())
        }
        (
            Value::Function(Function::RebuildTensor),
            [
                Value::Storage(storage),
                Value::Integer(offset),
                shape,
                strides,
                ..,
            ],
        ) => {
            let tensor = Tensor {
                storage: storage.clone(),
                offset: size(*offset)?,
                shape: sizes(shape)?,
                strides: sizes(strides)?,
            };
            if tensor.shape.len() != tensor.strides.len() {
                return Err("a tensor has another number of strides than of dimensions".into());
            }
            Ok(Value::Tensor(Box::new(tensor)))
        }
        _ => Err("a function is called with what it does not take".into()),
    }
}

/// `("storage", type, key, device, number of values)`; the older format has a sixth, of views, which is None.
fn storage(place: &Value) -> Result<Storage> {
    if let Value::Tuple(parts, _) = place
        && let [
            Value::Text(what),
            Value::Function(Function::Storage(kind)),
            Value::Text(key),
            _,
            Value::Integer(values),
            rest @ ..,
        ] = &parts[..]
        && &**what == "storage"
        && matches!(rest, [] | [Value::Other])
    {
        return Ok(Storage {
            kind: *kind,
            key: key.clone(),
            values: size(*values)?,
        });
    }
    Err("what is to be looked up is no storage".into())
}

fn size(value: i64) -> Result<usize> {
    usize::try_from(value).map_err(|_| format!("{value} is no size"))
}

fn sizes(value: &Value) -> Result<Vec<usize>> {
    let Value::Tuple(sizes, _) = value else {
        return Err("sizes are no tuple".into());
    };
    if sizes.len() > DIMENSIONS {
        return Err(format!("a tensor has {} dimensions", sizes.len()));
    }
    let each = sizes.iter().map(|value| match value {
        Value::Integer(value) => size(*value),
        _ => Err("a size is no number".into()),
    });
    each.collect()
}
