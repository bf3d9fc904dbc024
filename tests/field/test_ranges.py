"""Consistent ranges and a calm upstream: BMCs that read one image by thousands of requests."""

from __future__ import annotations

import gzip
import http.client
import json
import random
import time
from itertools import pairwise
from typing import Any

import jwt
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from demo.service import ServiceProcess
from tests.coreos_reader import embedded_ignition
from tests.field.assisted_service import FreshlySigned
from tests.field.images import file_name, noisy_image, os_images
from tests.field.service import INFRA_ENV_ID, FieldTestCase, Got

_RANGES = 3000
_CLIENTS = 100
