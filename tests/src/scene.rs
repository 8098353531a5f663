//! What a port must show: its background and the guests' patterns where the layers are.

use porthole_guest::Pattern;

use crate::picture::Picture;

/// A guest's layer with the pattern that the guest draws.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The guest's name, which is the layer's too.
    pub guest: String,
    /// Left, top, width and height on the port.
    pub rect: (u32, u32, u32, u32),
    /// What the guest draws.
    pub pattern: Pattern,
    /// The pattern's seed.
    pub seed: u32,
}

/// A port with layers from bottom to top.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The port's name.
    pub port: String,
    /// The port's width and height.
    pub size: (u32, u32),
    /// The colour where no layer is.
    pub background: [u8; 3],
    /// More keys of the port.
    pub keys: String,
    /// From bottom to top.
    pub layers: Vec<Layer>,
}

impl Scene {
    /// A port without layers.
    #[must_use]
    pub fn new(port: &str, width: u32, height: u32) -> Self {
        let background = [0x10, 0x14, 0x18];
        let (keys, layers) = (String::new(), Vec::new());
        Scene { port: port.to_owned(), size: (width, height), background, keys, layers }
    }

    /// Adds a layer on top.
    #[must_use]
    pub fn layer(
        mut self,
        guest: &str,
        rect: (u32, u32, u32, u32),
        pattern: Pattern,
        seed: u32,
    ) -> Self {
        self.layers.push(Layer { guest: guest.to_owned(), rect, pattern, seed });
        self
    }

    /// The picture that a viewer must see.
    #[must_use]
    pub fn picture(&self) -> Picture {
        let mut picture = Picture::new(self.size.0, self.size.1, self.background);
        for layer in &self.layers {
            let (x, y, width, height) = layer.rect;
            picture.draw(layer.pattern, layer.seed, (x, y), (width, height));
        }
        picture
    }

    /// The part of the service's configuration for this port and its layers.
    #[must_use]
    pub fn configuration(&self) -> String {
        let [red, green, blue] = self.background;
        let (width, height) = self.size;
        let mut text = format!(
            "[[port]]\nname = \"{}\"\nsize = [{width}, {height}]\n\
             background = \"#{red:02x}{green:02x}{blue:02x}\"\n{}\n",
            self.port, self.keys
        );
        for (order, layer) in (1..).zip(&self.layers) {
            let (x, y, width, height) = layer.rect;
            text.push_str(&format!(
                "[[layer]]\nname = \"{0}\"\nport = \"{1}\"\nguest = \"{0}\"\n\
                 rect = [{x}, {y}, {width}, {height}]\norder = {order}\n\n",
                layer.guest, self.port
            ));
        }
        text
    }

    /// The entries for the guests, each once; scenes of several ports may share guests.
    #[must_use]
    pub fn guests(&self) -> Vec<String> {
        let mut names: Vec<String> = self.layers.iter().map(|layer| layer.guest.clone()).collect();
        names.sort();
        names.dedup();
        names
    }
}
