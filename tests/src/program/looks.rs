//! What a program says about how its surfaces and its pointer look.

use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, delegate_noop,
    protocol::{wl_buffer::WlBuffer, wl_output::WlOutput, wl_surface::WlSurface},
};
use wayland_protocols::{
    ext::image_copy_capture::v1::client::ext_image_copy_capture_manager_v1::Options,
    wp::{
        alpha_modifier::v1::client::{
            wp_alpha_modifier_surface_v1::WpAlphaModifierSurfaceV1,
            wp_alpha_modifier_v1::WpAlphaModifierV1,
        },
        cursor_shape::v1::client::{
            wp_cursor_shape_device_v1::WpCursorShapeDeviceV1,
            wp_cursor_shape_manager_v1::WpCursorShapeManagerV1,
        },
        fractional_scale::v1::client::{
            wp_fractional_scale_manager_v1::WpFractionalScaleManagerV1,
            wp_fractional_scale_v1::{self, WpFractionalScaleV1},
        },
        idle_inhibit::zv1::client::{
            zwp_idle_inhibit_manager_v1::ZwpIdleInhibitManagerV1,
            zwp_idle_inhibitor_v1::ZwpIdleInhibitorV1,
        },
        single_pixel_buffer::v1::client::wp_single_pixel_buffer_manager_v1::WpSinglePixelBufferManagerV1,
    },
};

use super::{Log, Program};
use crate::failure::Result;

impl Program {
    /// A buffer of one pixel: red, green, blue and alpha, premultiplied, of all 32 bits.
    ///
    /// # Errors
    /// When the global is missing.
    pub fn single_pixel(&self, [red, green, blue, alpha]: [u32; 4]) -> Result<WlBuffer> {
        let manager: WpSinglePixelBufferManagerV1 = self.bind()?;
        Ok(manager.create_u32_rgba_buffer(red, green, blue, alpha, &self.handle, ()))
    }

    /// What makes a surface translucent.
    ///
    /// # Errors
    /// When the global is missing.
    pub fn alpha_modifier(&self, surface: &WlSurface) -> Result<WpAlphaModifierSurfaceV1> {
        Ok(self.bind::<WpAlphaModifierV1>()?.get_surface(surface, &self.handle, ()))
    }

    /// Asks for the scale that a surface should have.
    ///
    /// # Errors
    /// When the global is missing.
    pub fn fractional_scale(&self, surface: &WlSurface) -> Result<WpFractionalScaleV1> {
        let manager: WpFractionalScaleManagerV1 = self.bind()?;
        Ok(manager.get_fractional_scale(surface, &self.handle, ()))
    }

    /// Keeps the port of a surface awake.
    ///
    /// # Errors
    /// When the global is missing.
    pub fn inhibit_idle(&self, surface: &WlSurface) -> Result<ZwpIdleInhibitorV1> {
        let manager: ZwpIdleInhibitManagerV1 = self.bind()?;
        Ok(manager.create_inhibitor(surface, &self.handle, ()))
    }

    /// What gives the pointer of a seat a shape by name.
    ///
    /// # Errors
    /// When the global is missing.
    pub fn cursor_shape(&mut self, seat: &str) -> Result<WpCursorShapeDeviceV1> {
        let manager: WpCursorShapeManagerV1 = self.bind()?;
        let seat = self.named::<wayland_client::protocol::wl_seat::WlSeat>("seat", seat)?;
        let pointer = seat.get_pointer(&self.handle, ());
        Ok(manager.get_pointer(&pointer, &self.handle, ()))
    }

    /// The picture of an output of this size with the pointers in it, a word a pixel.
    ///
    /// # Errors
    /// When it cannot be captured.
    pub fn picture_with_pointers(
        &mut self,
        output: &WlOutput,
        size: (u32, u32),
    ) -> Result<Vec<u32>> {
        let managers = self.capture_managers()?;
        let mark = self.log.len();
        let source = managers.sources.create_source(output, &self.handle, ());
        let session =
            managers.manager.create_session(&source, Options::PaintCursors, &self.handle, ());
        self.wait_for("the session's constraints", mark, |line| line == "capture done")?;
        let format = wayland_client::protocol::wl_shm::Format::Xrgb8888;
        let buffer = self.buffer(size, format, true)?;
        self.capture_frame(&session, &buffer);
        self.wait_for("a capture", mark, |line| line == "capture ready")?;
        session.destroy();
        Ok(buffer.words()?.into_iter().map(|w| w & 0xff_ffff).collect())
    }
}

impl Dispatch<WpFractionalScaleV1, ()> for Log {
    fn event(
        log: &mut Self,
        _: &WpFractionalScaleV1,
        event: <WpFractionalScaleV1 as Proxy>::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wp_fractional_scale_v1::Event::PreferredScale { scale } = event {
            log.say(format!("scale {scale}/120"));
        }
    }
}

delegate_noop!(Log: WpSinglePixelBufferManagerV1);
delegate_noop!(Log: WpAlphaModifierV1);
delegate_noop!(Log: WpAlphaModifierSurfaceV1);
delegate_noop!(Log: WpFractionalScaleManagerV1);
delegate_noop!(Log: ZwpIdleInhibitManagerV1);
delegate_noop!(Log: ZwpIdleInhibitorV1);
delegate_noop!(Log: WpCursorShapeManagerV1);
delegate_noop!(Log: WpCursorShapeDeviceV1);
