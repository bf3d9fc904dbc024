"""Makes C{twistd image-management} known to twistd."""

from twisted.application.service import ServiceMaker

image_management = ServiceMaker(
    "image-management",
    "image_management.tap",
    "Keeps records of images and recipes, and moves their artifacts about in S3.",
    "image-management",
)
