//! Which device computes: a run-time value.

use std::{fmt, str::FromStr};
#[cfg(feature = "wgpu")]
use std::{fs, path::Path, sync::OnceLock};

use burn::tensor::Device;

use crate::error::Error;

/// The device a user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DeviceChoice {
    /// A real GPU where there is one, else the CPU; never a software adapter.
    #[default]
    Auto,
    /// The CPU (burn-flex).
    Cpu,
    /// The best GPU that wgpu finds, a software adapter included.
    Wgpu,
}

impl FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "wgpu" => Ok(Self::Wgpu),
            other => Err(Error::Device {
                device: other.to_owned(),
                problem: "unknown; use auto, cpu or wgpu".to_owned(),
            }),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Wgpu => "wgpu",
        })
    }
}

/// Opens a device, without autodiff; a trainer calls `.autodiff()` on it.
///
/// # Errors
/// [`Error::Device`] if this build lacks the device, or the machine has none.
pub fn open_device(choice: DeviceChoice) -> Result<Device, Error> {
    match choice {
        DeviceChoice::Cpu => cpu(),
        DeviceChoice::Wgpu => wgpu(),
        DeviceChoice::Auto => match real_gpu() {
            Some(device) => Ok(device),
            None => cpu().or_else(|_| wgpu()),
        },
    }
}

/// A device's name for reports: the part's own name, or `cpu`.
pub fn device_name(device: &Device) -> String {
    #[cfg(feature = "wgpu")]
    if let Some(identity) = device.as_dispatch().identity() {
        return identity.name;
    }
    let text = format!("{device:?}");
    if text.to_lowercase().contains("flex") {
        "cpu".to_owned()
    } else {
        text
    }
}

/// Bytes that a device's allocator holds for this process; `None` where the process' own memory is all there is.
pub fn device_memory(device: &Device) -> Option<u64> {
    device.memory_pool_usage().map(|usage| usage.bytes_reserved)
}

/// Whether what a device computes with is sent to it first, which costs more than what it computes from it.
#[cfg_attr(not(feature = "wgpu"), allow(unused_variables))]
pub(crate) fn has_own_memory(device: &Device) -> bool {
    #[cfg(feature = "wgpu")]
    return device.as_dispatch().identity().is_some();
    #[cfg(not(feature = "wgpu"))]
    false
}

#[cfg(feature = "cpu")]
fn cpu() -> Result<Device, Error> {
    Ok(Device::flex())
}

#[cfg(not(feature = "cpu"))]
fn cpu() -> Result<Device, Error> {
    Err(not_built("cpu"))
}

#[cfg(feature = "wgpu")]
fn wgpu() -> Result<Device, Error> {
    if let Some(device) = real_gpu() {
        return Ok(device);
    }
    adapters().into_iter().next().ok_or_else(|| Error::Device {
        device: "wgpu".to_owned(),
        problem: "no adapter found on this machine".to_owned(),
    })
}

#[cfg(not(feature = "wgpu"))]
fn wgpu() -> Result<Device, Error> {
    Err(not_built("wgpu"))
}

/// The first adapter that is a card: software rasterizers report none. Asked once a process.
#[cfg(feature = "wgpu")]
fn real_gpu() -> Option<Device> {
    static FOUND: OnceLock<Option<Device>> = OnceLock::new();
    let find = || {
        // Drivers that are asked on a machine without a card say on stderr what they miss, and take their time.
        if cfg!(target_os = "linux") && !has_card(Path::new("/dev")) {
            return None;
        }
        adapters().into_iter().find(|device| {
            device
                .as_dispatch()
                .identity()
                .is_some_and(|identity| identity.physical.is_some())
        })
    };
    FOUND.get_or_init(find).clone()
}

/// Whether the kernel offers a card: a render node of any driver, NVIDIA's own device, or that of a Windows host.
#[cfg(feature = "wgpu")]
fn has_card(dev: &Path) -> bool {
    let holds = |folder: &Path, begin: &str| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.file_name())
            .any(|name| name.to_string_lossy().starts_with(begin))
    };
    holds(&dev.join("dri"), "render") || holds(dev, "nvidia") || dev.join("dxg").exists()
}

#[cfg(not(feature = "wgpu"))]
fn real_gpu() -> Option<Device> {
    None
}

#[cfg(feature = "wgpu")]
fn adapters() -> Vec<Device> {
    Device::enumerate(burn::tensor::DeviceType::Wgpu).into_vec()
}

#[cfg(not(all(feature = "cpu", feature = "wgpu")))]
fn not_built(device: &str) -> Error {
    Error::Device {
        device: device.to_owned(),
        problem: format!("this build lacks the feature `{device}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_read_as_they_print() {
        for choice in [DeviceChoice::Auto, DeviceChoice::Cpu, DeviceChoice::Wgpu] {
            assert_eq!(choice.to_string().parse::<DeviceChoice>().unwrap(), choice);
        }
        let error = "gpu".parse::<DeviceChoice>().unwrap_err().to_string();
        assert_eq!(error, "device `gpu`: unknown; use auto, cpu or wgpu");
    }

    #[cfg(feature = "wgpu")]
    #[test]
    fn a_card_is_known_by_its_device() {
        let dev = tempfile::tempdir().unwrap();
        assert!(!has_card(dev.path()));
        fs::create_dir(dev.path().join("dri")).unwrap();
        fs::write(dev.path().join("dri/card0"), "").unwrap();
        assert!(!has_card(dev.path()), "a display without a render node");
        fs::write(dev.path().join("dri/renderD128"), "").unwrap();
        assert!(has_card(dev.path()));
        for name in ["nvidia0", "dxg"] {
            let dev = tempfile::tempdir().unwrap();
            fs::write(dev.path().join(name), "").unwrap();
            assert!(has_card(dev.path()), "{name}");
        }
    }

    #[cfg(feature = "cpu")]
    #[test]
    fn the_cpu_opens_by_name() {
        let device = open_device(DeviceChoice::Cpu).unwrap();
        assert_eq!(device_name(&device), "cpu");
        assert_eq!(device_memory(&device), None);
        assert_eq!(device_name(&device.autodiff()), "cpu");
    }
}
