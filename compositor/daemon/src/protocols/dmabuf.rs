//! `zwp_linux_dmabuf_v1` for memory that the CPU can read: one plane, no tiling. What it makes are
//! buffers like those of `wl_shm`, checked by the same rules and drawn the same way.
//!
//! Version 3 is the highest without a GPU: from version 4 on the main device must be named.

use std::{
    os::fd::OwnedFd,
    sync::{Arc, Mutex, PoisonError},
};

use porthole_pixel::{Format, Layout, LayoutError, Size};
use smithay::reexports::{
    wayland_protocols::wp::linux_dmabuf::zv1::server::{
        zwp_linux_buffer_params_v1::{self as params, Error, ZwpLinuxBufferParamsV1 as Params},
        zwp_linux_dmabuf_v1::{self as dmabuf, ZwpLinuxDmabufV1 as Dmabuf},
    },
    wayland_server::{
        Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource, WEnum,
        protocol::wl_buffer::WlBuffer,
    },
};

use super::shm::{Account, Exporter, Pool, ShmBuffer, ShmHandler};

/// `DRM_FORMAT_MOD_LINEAR`: row behind row.
const LINEAR: u64 = 0;
/// `DRM_FORMAT_MOD_INVALID`: as it came out of its device.
const INVALID: u64 = 0x00ff_ffff_ffff_ffff;
/// Planes that a buffer may have in the protocol; all formats here have one.
const MAX_PLANES: u32 = 4;

/// The global.
#[derive(Debug)]
pub(crate) struct DmabufState;

impl DmabufState {
    /// Announces the global to every client.
    pub(crate) fn new<D>(display: &DisplayHandle) -> Self
    where
        D: GlobalDispatch<Dmabuf, ()> + 'static,
    {
        display.create_global::<D, Dmabuf, ()>(3, ());
        Self
    }
}

#[derive(Debug)]
struct Plane {
    index: u32,
    fd: OwnedFd,
    offset: u32,
    stride: u32,
    modifier: u64,
}

/// A buffer that is being described.
#[derive(Debug, Default)]
pub(crate) struct ParamsData(Mutex<Description>);

#[derive(Debug, Default)]
struct Description {
    planes: Vec<Plane>,
    used: bool,
}

/// Why a description is no buffer.
enum Refused {
    /// The client's mistake, which ends its connection.
    Mistake(Error, String),
    /// Nothing wrong, but this memory cannot be used here.
    Unusable(String),
}

impl ParamsData {
    fn add(&self, plane: Plane) -> Result<(), (Error, String)> {
        let mut description = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if description.used {
            return Err((Error::AlreadyUsed, "the buffer was made already".to_owned()));
        }
        if plane.index >= MAX_PLANES {
            return Err((Error::PlaneIdx, format!("plane {} of {MAX_PLANES}", plane.index)));
        }
        if description.planes.iter().any(|p| p.index == plane.index) {
            return Err((Error::PlaneSet, format!("plane {} is there already", plane.index)));
        }
        description.planes.push(plane);
        Ok(())
    }

    /// Makes the buffer that was described.
    fn make(
        &self,
        [width, height]: [i32; 2],
        format: u32,
        flags: u32,
        account: &Arc<Account>,
    ) -> Result<ShmBuffer, Refused> {
        let mut description = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut description.used, true) {
            let why = "the buffer was made already".to_owned();
            return Err(Refused::Mistake(Error::AlreadyUsed, why));
        }
        let mut planes = std::mem::take(&mut description.planes);
        drop(description);
        let plane = planes.pop().filter(|plane| planes.is_empty() && plane.index == 0);
        let Some(plane) = plane else {
            let why = "formats here have plane 0 and no other".to_owned();
            return Err(Refused::Mistake(Error::Incomplete, why));
        };
        let Some(format) = Format::from_fourcc(format) else {
            let why = format!("format {format:#x} was not announced");
            return Err(Refused::Mistake(Error::InvalidFormat, why));
        };
        let [Ok(width), Ok(height)] = [width, height].map(u32::try_from) else {
            let why = format!("{width} x {height} pixels");
            return Err(Refused::Mistake(Error::InvalidDimensions, why));
        };
        if flags != 0 {
            return Err(Refused::Unusable(format!("flags {flags:#x}")));
        }
        let size = rustix::fs::fstat(&plane.fd).map_or(0, |stat| stat.st_size);
        let pool = Pool::new(plane.fd, u64::try_from(size).unwrap_or(0), account)
            .map_err(|over| Refused::Unusable(over.to_string()))?;
        let linear = match plane.modifier {
            LINEAR => true,
            // Where nobody says how the pixels lie, its maker must have one way only.
            INVALID => pool.exporter().is_some_and(Exporter::is_linear),
            _ => false,
        };
        if !linear {
            return Err(Refused::Unusable(format!("modifier {:#x} is not linear", plane.modifier)));
        }
        let words = plane.stride.is_multiple_of(4) && plane.offset.is_multiple_of(4);
        if pool.exporter().is_some() && !words {
            return Err(Refused::Unusable(format!(
                "rows of {} bytes from byte {} on are no whole words",
                plane.stride, plane.offset
            )));
        }
        let layout = Layout::new(
            format,
            Size::new(width, height),
            plane.stride,
            u64::from(plane.offset),
            pool.len(),
        )
        .map_err(|why: LayoutError| Refused::Mistake(Error::OutOfBounds, why.to_string()))?;
        ShmBuffer::import(pool, layout).map_err(|error| Refused::Unusable(error.to_string()))
    }
}

impl<D> GlobalDispatch<Dmabuf, (), D> for DmabufState
where
    D: GlobalDispatch<Dmabuf, ()> + Dispatch<Dmabuf, ()> + 'static,
{
    fn bind(
        _: &mut D,
        _: &DisplayHandle,
        _: &Client,
        resource: New<Dmabuf>,
        (): &(),
        data_init: &mut DataInit<'_, D>,
    ) {
        let dmabuf = data_init.init(resource, ());
        for format in Format::ALL {
            if dmabuf.version() >= dmabuf::EVT_MODIFIER_SINCE {
                dmabuf.modifier(format.fourcc(), 0, 0);
            } else {
                dmabuf.format(format.fourcc());
            }
        }
    }
}

impl<D> Dispatch<Dmabuf, (), D> for DmabufState
where
    D: Dispatch<Dmabuf, ()> + Dispatch<Params, ParamsData> + 'static,
{
    fn request(
        _: &mut D,
        _: &Client,
        _: &Dmabuf,
        request: dmabuf::Request,
        (): &(),
        _: &DisplayHandle,
        data_init: &mut DataInit<'_, D>,
    ) {
        if let dmabuf::Request::CreateParams { params_id } = request {
            data_init.init(params_id, ParamsData::default());
        }
    }
}

impl<D> Dispatch<Params, ParamsData, D> for DmabufState
where
    D: Dispatch<Params, ParamsData> + Dispatch<WlBuffer, ShmBuffer> + ShmHandler + 'static,
{
    fn request(
        state: &mut D,
        client: &Client,
        params: &Params,
        request: params::Request,
        data: &ParamsData,
        display: &DisplayHandle,
        data_init: &mut DataInit<'_, D>,
    ) {
        let bits = |flags: WEnum<params::Flags>| match flags {
            WEnum::Value(flags) => flags.bits(),
            WEnum::Unknown(bits) => bits,
        };
        match request {
            params::Request::Add { fd, plane_idx, offset, stride, modifier_hi, modifier_lo } => {
                let modifier = u64::from(modifier_hi) << 32 | u64::from(modifier_lo);
                let plane = Plane { index: plane_idx, fd, offset, stride, modifier };
                if let Err((code, why)) = data.add(plane) {
                    params.post_error(code, why);
                }
            }
            params::Request::Create { width, height, format, flags } => {
                match data.make([width, height], format, bits(flags), &state.account(client)) {
                    Ok(buffer) => {
                        match client.create_resource::<WlBuffer, ShmBuffer, D>(display, 1, buffer) {
                            Ok(buffer) => params.created(&buffer),
                            Err(_) => params.failed(),
                        }
                    }
                    Err(Refused::Mistake(code, why)) => params.post_error(code, why),
                    Err(Refused::Unusable(why)) => {
                        tracing::info!("a client's dma-buf cannot be used: {why}");
                        params.failed();
                    }
                }
            }
            params::Request::CreateImmed { buffer_id, width, height, format, flags } => {
                match data.make([width, height], format, bits(flags), &state.account(client)) {
                    Ok(buffer) => {
                        data_init.init(buffer_id, buffer);
                    }
                    Err(Refused::Mistake(code, why)) => params.post_error(code, why),
                    Err(Refused::Unusable(why)) => params.post_error(Error::InvalidWlBuffer, why),
                }
            }
            _ => {}
        }
    }
}

/// Gives a `State` the dispatch of this module.
macro_rules! delegate_dmabuf {
    ($state:ty) => {
        const _: () = {
            use ::smithay::reexports::wayland_protocols::wp::linux_dmabuf::zv1::server::{
                zwp_linux_buffer_params_v1::ZwpLinuxBufferParamsV1,
                zwp_linux_dmabuf_v1::ZwpLinuxDmabufV1,
            };
            use $crate::protocols::dmabuf::{DmabufState, ParamsData};
            ::wayland_server::delegate_global_dispatch!($state: [ZwpLinuxDmabufV1: ()] => DmabufState);
            ::wayland_server::delegate_dispatch!($state: [ZwpLinuxDmabufV1: ()] => DmabufState);
            ::wayland_server::delegate_dispatch!($state: [ZwpLinuxBufferParamsV1: ParamsData] => DmabufState);
        };
    };
}
pub(crate) use delegate_dmabuf;
