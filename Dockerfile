# fxkit on a CPU. Build: docker build -t fxkit .    Run: docker run --rm -v "$PWD:/data" fxkit clean-labels films
FROM python:3.12-slim

# Matching CPU builds of torch and torchvision; the default ones bring several GB of CUDA libraries.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install --no-cache-dir torch torchvision --index-url ${TORCH_INDEX}

COPY . /src
RUN pip install --no-cache-dir "/src[dicom,openvino,search]" && rm -rf /src

WORKDIR /data
ENTRYPOINT ["fxkit"]
CMD ["--help"]
