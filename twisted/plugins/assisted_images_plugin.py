"""Makes C{twistd assisted-images} known to twistd."""

from twisted.application.service import ServiceMaker

assisted_images = ServiceMaker(
    "assisted-images",
    "assisted_images.tap",
    "Serves CoreOS live ISOs with an Ignition config spliced in.",
    "assisted-images",
)
